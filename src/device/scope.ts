/** Scopes: owners of tensors that free them all at the end of a block. @module */

import type { ElementType } from "../../kernels/kernel.ts";
import type { Shape } from "../core/shape.ts";
import type { Device, Tensor } from "./device.ts";
import type { Role } from "./ledger.ts";

/** Owns what it allocates and what it is given; disposing it frees everything, latest first. */
export class Scope implements Disposable {
  /** The device of its tensors. */
  readonly device: Device;
  readonly #owned = new Set<Disposable>();

  /** Starts empty. */
  constructor(device: Device) {
    this.device = device;
  }

  /** Allocates a tensor that lives as long as this scope. */
  allocate(shape: Shape, type: ElementType, role: Role, label: string, padding = 0): Tensor {
    return this.own(this.device.allocate(shape, type, role, label, padding));
  }

  /** Takes ownership of something. */
  own<T extends Disposable>(disposable: T): T {
    this.#owned.add(disposable);
    return disposable;
  }

  /** Frees one of the things that it owns before its end; leaves alone what it does not own. */
  free(disposable: Disposable): void {
    if (this.#owned.delete(disposable)) disposable[Symbol.dispose]();
  }

  /** Frees everything; a second call does nothing. */
  [Symbol.dispose](): void {
    const owned = [...this.#owned].reverse();
    this.#owned.clear();
    for (const disposable of owned) disposable[Symbol.dispose]();
  }
}
