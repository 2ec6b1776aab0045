/**
 * Random numbers from a seed: counter-based ones, a pure function of (seed, index), the same on
 * every device; and those of PyTorch on a CPU, for tensors that others draw again instead of
 * saving.
 *
 * @module
 */

import { quote } from "./errors.ts";

/** Multiply two 32-bit unsigned integers modulo 2^32. */
const multiply = Math.imul;

/**
 * Hashes (seed, index) to 32 uniform bits: Bob Jenkins / Chris Wellons' `lowbias32` finalizer over a
 * seeded counter. The kernels of all devices compute the same function, so a dropout mask needs no
 * memory: the backward pass draws it again.
 */
export function hash32(seed: number, index: number): number {
  let x = (multiply(index, 0x9e3779b9) ^ seed) >>> 0;
  x = multiply(x ^ (x >>> 16), 0x7feb352d) >>> 0;
  x = multiply(x ^ (x >>> 15), 0x846ca68b) >>> 0;
  return (x ^ (x >>> 16)) >>> 0;
}

/** A number whose bits the hash takes all of, so that two different seeds make different numbers. */
export const isSeed = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 32;

/**
 * Throws unless two different seeds make different numbers: the hash takes 32 bits.
 *
 * @throws {RangeError} when the seed is not a whole number in [0, 2^32).
 */
export function assertSeed(seed: number): void {
  if (isSeed(seed)) return;
  throw new RangeError(`a seed must be a whole number in [0, 2^32), found ${quote(seed)}`);
}

/** A stream of random numbers with its own seed. */
export class Random {
  #seed: number;
  #index = 0;

  /**
   * Starts a stream; streams of different seeds are unrelated.
   *
   * @throws {RangeError} when the seed is not a whole number in [0, 2^32).
   */
  constructor(seed: number) {
    assertSeed(seed);
    this.#seed = hash32(0x5bd1e995, seed >>> 0);
  }

  /** The next 32 uniform bits. */
  bits(): number {
    return hash32(this.#seed, this.#index++);
  }

  /** Uniform in [0, 1) with 53 bits. */
  uniform(): number {
    return ((this.bits() >>> 5) * 67108864 + (this.bits() >>> 6)) / 9007199254740992;
  }

  /** `size` values that are uniform in [−bound, bound). */
  uniformWithin(bound: number, size: number): Float32Array<ArrayBuffer> {
    return Float32Array.from({ length: size }, () => (2 * this.uniform() - 1) * bound);
  }

  /** An integer in [0, bound). */
  integer(bound: number): number {
    return Math.floor(this.uniform() * bound);
  }

  /** Standard normal (Box-Muller, cosine branch). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** A permutation of 0 … length - 1 (Fisher-Yates). */
  permutation(length: number): Uint32Array {
    const order = Uint32Array.from({ length }, (_, index) => index);
    for (let last = length - 1; last > 0; last--) {
      const other = this.integer(last + 1);
      [order[last], order[other]] = [order[other], order[last]];
    }
    return order;
  }

  /** An independent stream for a named purpose. */
  split(purpose: number): Random {
    return new Random(hash32(this.#seed, purpose ^ 0xa5a5a5a5));
  }
}

/** Words of the state, and the distance of those that are mixed. */
const size = 624, shift = 397;

/**
 * The stream of `torch.Generator("cpu")`: MT19937 (Matsumoto and Nishimura 1998), 32 bits a draw.
 *
 * @example
 * ```ts
 * import { TorchGenerator } from "./random.ts";
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
   * Draws as `tensor.uniform_(-bound, bound)` does in F32: 24 bits u of each draw give u · (to −
   * from) + from, with bounds in F32 and one rounding, as a fused multiply-add does.
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

/** A list in random order. */
export const shuffled = <T>(list: readonly T[], random: Random): T[] =>
  Array.from(random.permutation(list.length), (index) => list[index]);
