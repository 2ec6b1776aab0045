/** A ring of losses and norms on the device, so that steps do not wait for numbers to be read. @module */

import { scaleAdd } from "../../kernels/elementwise/kernel.ts";
import type { Device, Tensor } from "../device/device.ts";
import { zero } from "../device/zero.ts";

/** Numbers computed by a step. */
export interface StepNumbers {
  /** Mean loss over counted labels, before the update, in nats. */
  readonly loss: number;
  /** Norm of all gradients before clipping. */
  readonly gradientNorm: number;
}

/** The losses and norms of the latest steps; one read returns many. */
export class StepRing implements Disposable {
  /** Number of steps that it holds. */
  static readonly capacity = 32;
  /** The step after the last finished one; a rehearsal resets it. */
  next = 0;
  readonly #values: Tensor;

  /** Allocates 256 bytes of role `scratch`. */
  constructor(device: Device) {
    this.#values = device.allocate([StepRing.capacity, 2], "f32", "scratch", "losses and norms");
    zero(this.#values);
  }

  /** Writes a step's loss, or adds to it. */
  addLoss(step: number, loss: Tensor, accumulate: boolean): void {
    this.#put(loss, 2 * (step % StepRing.capacity), accumulate);
  }

  /** Finishes a step, with its gradient norm if it has one. */
  finish(step: number, norm?: Tensor): void {
    if (norm) this.#put(norm, 2 * (step % StepRing.capacity) + 1, false);
    this.next = step + 1;
  }

  /**
   * Reads the losses and norms of the last `count` steps, oldest first. Later launches may overwrite
   * them at once.
   *
   * @throws {RangeError} when it does not hold that many.
   */
  async read(count: number): Promise<StepNumbers[]> {
    const first = this.next - count;
    if (count > StepRing.capacity || first < 0) {
      throw new RangeError(
        `reading losses needs a count up to ${
          Math.min(StepRing.capacity, this.next)
        }, found ${count}`,
      );
    }
    if (count === 0) return [];
    const [{ data }] = await this.#values.device.read(this.#values);
    return Array.from({ length: count }, (_, i) => {
      const at = 2 * ((first + i) % StepRing.capacity);
      return { loss: data[at], gradientNorm: data[at + 1] };
    });
  }

  /** Frees its tensor. */
  [Symbol.dispose](): void {
    this.#values[Symbol.dispose]();
  }

  #put(value: Tensor, yOffset: number, accumulate: boolean): void {
    const scalars = { size: 1, xOffset: 0, yOffset, alpha: 1, accumulate: Number(accumulate) };
    value.device.launch(scaleAdd, { x: value, y: this.#values }, scalars);
  }
}
