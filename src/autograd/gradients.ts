/** The gradients of one tape. @module */

import type { Device, Tensor } from "../device/device.ts";
import { type GradientSlot, Parameter } from "./parameter.ts";

/** What an operation can be differentiated with respect to. */
export type Differentiable = Tensor | Parameter;

/** Owns the gradients of intermediates, and those of parameters that have no optimizer. */
export class Gradients implements Disposable {
  readonly #device: Device;
  readonly #slots = new Map<Differentiable, GradientSlot>();

  /** Starts without any. */
  constructor(device: Device) {
    this.#device = device;
  }

  /** The gradient of x, if it has a buffer; a parameter's optimizer may own it. */
  find(x: Differentiable): GradientSlot | undefined {
    return x instanceof Parameter && x.gradient || this.#slots.get(x);
  }

  /** The gradient of x, allocated if it has no buffer yet. */
  open(x: Differentiable): GradientSlot {
    const found = this.find(x);
    if (found) return found;
    const [role, name] = x instanceof Parameter
      ? ["gradient", x.name] as const
      : ["activation", x.label] as const;
    const tensor = this.#device.allocate(x.shape, "f32", role, `gradient of ${name}`);
    return this.put(x, { tensor, filled: false });
  }

  /** Makes a buffer the gradient of x, and owns it. */
  put(x: Differentiable, slot: GradientSlot): GradientSlot {
    this.#slots.set(x, slot);
    return slot;
  }

  /** Gives up the gradient of x without freeing it. */
  take(x: Differentiable): void {
    this.#slots.delete(x);
  }

  /** Frees what it owns. */
  [Symbol.dispose](): void {
    for (const { tensor } of this.#slots.values()) tensor[Symbol.dispose]();
    this.#slots.clear();
  }
}

/** The tensor of an operand. */
export function valueOf(x: Differentiable): Tensor {
  return x instanceof Parameter ? x.tensor : x;
}
