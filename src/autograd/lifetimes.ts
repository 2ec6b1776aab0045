/** When a tape may free what it made, before its end. @module */

import type { Storage, Tensor } from "../device/device.ts";
import type { Scope } from "../device/scope.ts";

/**
 * Frees a scope's tensors as soon as they have been released and nothing that saved them has yet to read
 * them. It counts by buffer, so that saving a view saves the tensor behind it.
 */
export class Lifetimes {
  readonly #scope: Scope;
  readonly #saves = new Map<Storage, number>();
  readonly #released = new Map<Storage, Tensor>();

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
    if (this.#saves.has(tensor.storage)) this.#released.set(tensor.storage, tensor);
    else this.#scope.free(tensor);
  }

  #forget(storage: Storage): void {
    this.#saves.delete(storage);
    const released = this.#released.get(storage);
    if (!released) return;
    this.#released.delete(storage);
    this.#scope.free(released);
  }
}
