/** PyTorch's random numbers on a CPU, for what others draw again from a seed instead of saving it. @module */

import { assertSeed } from "./random.ts";

/** Words of the state, and the distance of those that are mixed. */
const size = 624, shift = 397;

/**
 * The stream of `torch.Generator("cpu")`: MT19937 (Matsumoto and Nishimura 1998), 32 bits a draw.
 *
 * @example
 * ```ts
 * import { TorchGenerator } from "./torch_generator.ts";
 *
 * console.log(new TorchGenerator(5489).bits()); // 3499211612
 * ```
 */
export class TorchGenerator {
  readonly #state = new Uint32Array(size);
  #at = size;

  /**
   * Starts as `manual_seed` does.
   *
   * @throws {RangeError} when the seed is not a whole number in [0, 2^32).
   */
  constructor(seed: number) {
    assertSeed(seed);
    const state = this.#state;
    state[0] = seed;
    for (let i = 1; i < size; i++) {
      const before = state[i - 1];
      state[i] = Math.imul(1812433253, before ^ (before >>> 30)) + i;
    }
  }

  /** The next 32 uniform bits. */
  bits(): number {
    if (this.#at === size) this.#renew();
    let bits = this.#state[this.#at++];
    bits ^= bits >>> 11;
    bits ^= (bits << 7) & 0x9d2c5680;
    bits ^= (bits << 15) & 0xefc60000;
    return (bits ^ (bits >>> 18)) >>> 0;
  }

  /**
   * What `tensor.uniform_(-bound, bound)` writes in F32: 24 bits u of each draw as u · (to − from) + from, with
   * bounds in F32 and one rounding, as a fused multiply-add does.
   */
  uniformWithin(bound: number, count: number): Float32Array<ArrayBuffer> {
    const from = Math.fround(-bound), width = Math.fround(Math.fround(bound) - from);
    return Float32Array.from(
      { length: count },
      () => (this.bits() & 0xffffff) * 2 ** -24 * width + from,
    );
  }

  #renew(): void {
    const state = this.#state;
    for (let i = 0; i < size; i++) {
      const mixed = (state[i] & 0x80000000) | (state[(i + 1) % size] & 0x7fffffff);
      state[i] = state[(i + shift) % size] ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
    }
    this.#at = 0;
  }
}
