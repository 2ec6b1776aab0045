/** The gradients of one tape. @module */

import { fill, scaleAdd } from "../../kernels/elementwise/kernel.ts";
import type { Device, Tensor } from "../device/device.ts";
import { type GradientSlot, Parameter } from "./parameter.ts";

/** What an operation can be differentiated with respect to. */
export type Differentiable = Tensor | Parameter;

/** Where a backward function writes, in the form that kernels take. */
export interface Contribution {
  /** The gradient's buffer. */
  readonly tensor: Tensor;
  /** 1 to add to what is there, 0 to overwrite. */
  readonly accumulate: 0 | 1;
}

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

  /** Where to add to the gradient of x, which is allocated if it has no buffer yet. */
  contribute(x: Differentiable): Contribution {
    const slot = this.find(x) ?? this.#allocate(x), accumulate = slot.filled ? 1 : 0;
    slot.filled = true;
    return { tensor: slot.tensor, accumulate };
  }

  /** Adds a whole gradient to that of x. */
  add(x: Differentiable, gradient: Tensor): void {
    const { tensor, accumulate } = this.contribute(x), { size } = gradient;
    const scalars = { size, xOffset: 0, yOffset: 0, alpha: 1, accumulate };
    this.#device.launch(scaleAdd, { x: gradient, y: tensor }, scalars);
  }

  /** Makes each value of the gradient of x the same. */
  fill(x: Tensor, value: number): void {
    const { tensor } = this.contribute(x);
    this.#device.launch(fill, { y: tensor }, { size: x.size, value });
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

  #allocate(x: Differentiable): GradientSlot {
    const [role, name] = x instanceof Parameter
      ? ["gradient", x.name] as const
      : ["activation", x.label] as const;
    const tensor = this.#device.allocate(x.shape, "f32", role, `gradient of ${name}`);
    return this.put(x, { tensor, filled: false });
  }
}

/** The tensor of an operand. */
export function valueOf(x: Differentiable): Tensor {
  return x instanceof Parameter ? x.tensor : x;
}
