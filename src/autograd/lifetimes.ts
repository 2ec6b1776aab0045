/** When a tape may free what it made, before its end. @module */

import type { Storage, Tensor } from "../device/device.ts";
import type { Scope } from "../device/scope.ts";

/** How a tensor is computed once more. */
interface Remake {
  /** Writes all of its values. */
  readonly compute: () => void;
  /** What that reads, which is saved until nothing reads the tensor any more. */
  readonly from: readonly Tensor[];
}

/**
 * Frees a scope's tensors as soon as they have been released and nothing that saved them has yet to read
 * them. It counts by buffer, so that saving a view saves the tensor behind it. What can be computed once more
 * is freed when it is released, and computed again for the first backward function that saved it.
 */
export class Lifetimes {
  readonly #scope: Scope;
  readonly #saves = new Map<Storage, number>();
  readonly #released = new Map<Storage, Tensor>();
  readonly #remakes = new Map<Storage, Remake>();

  /** Watches over the tensors of a scope. */
  constructor(scope: Scope) {
    this.#scope = scope;
  }

  /** Keeps tensors alive until as many calls of {@link Lifetimes.done}. */
  save(tensors: readonly Tensor[]): void {
    for (const { storage } of tensors) {
      this.#saves.set(storage, (this.#saves.get(storage) ?? 0) + 1);
    }
  }

  /** Says how a tensor can be computed once more. */
  remake(tensor: Tensor, from: readonly Tensor[], compute: () => void): void {
    this.#remakes.set(tensor.storage, { compute, from });
  }

  /** Saves a tensor for good. */
  keep(tensor: Tensor): void {
    this.#remakes.delete(tensor.storage);
    this.save([tensor]);
  }

  /** Computes those of the saved tensors once more that were freed. */
  wake(tensors: readonly Tensor[]): void {
    for (const { storage, device } of tensors) {
      const remake = storage.alive ? undefined : this.#remakes.get(storage);
      if (!remake) continue;
      this.wake(remake.from);
      device.reallocate(storage);
      remake.compute();
    }
  }

  /** Ends one saving of each tensor. */
  done(tensors: readonly Tensor[]): void {
    for (const { storage } of tensors) {
      const left = this.#saves.get(storage)! - 1;
      if (left > 0) this.#saves.set(storage, left);
      else this.#forget(storage);
    }
  }

  /** Frees a tensor, at once or when its last saving ends. */
  release(tensor: Tensor): void {
    const { storage } = tensor;
    if (!this.#saves.has(storage)) return this.#scope.free(tensor);
    this.#released.set(storage, tensor);
    if (this.#remakes.has(storage)) tensor[Symbol.dispose]();
  }

  /** Takes a released tensor over, if one saving is left: that one's end does not free it. */
  takeOver(tensor: Tensor): boolean {
    const { storage } = tensor;
    if (this.#released.get(storage) !== tensor || this.#saves.get(storage) !== 1) return false;
    return this.#released.delete(storage);
  }

  #forget(storage: Storage): void {
    this.#saves.delete(storage);
    const released = this.#released.get(storage);
    if (!released) return;
    this.#released.delete(storage);
    this.#scope.free(released);
  }
}
