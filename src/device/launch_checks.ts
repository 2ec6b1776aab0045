/** What every device checks before it runs a kernel, so that no launch reaches beyond a tensor. @module */

import { elementBytes, type ElementType, type Kernel } from "../../kernels/kernel.ts";
import { ShapeError } from "../core/errors.ts";
import { isCount } from "../core/shape.ts";
import type { AnyBindings } from "./device.ts";

/** Scalars by name. */
type ScalarValues = Readonly<Record<string, number>>;

/**
 * Checks the scalars of a launch, and that its tensors have the width and the elements that it needs.
 *
 * Scalars of type f32 may be infinite or NaN: what they make of the output is for the output to show.
 *
 * @throws {TypeError} when a tensor has elements of another width, or a scalar is not a number.
 * @throws {RangeError} when a u32 scalar is not a whole number from 0 to `mostCount`.
 * @throws {ShapeError} when the kernel would read or write beyond a tensor.
 */
export function assertLaunch(
  kernel: Kernel,
  bindings: AnyBindings,
  scalars: ScalarValues,
  mostCount: number,
): void {
  for (const name in kernel.scalars) {
    const value = scalars[name];
    const fits = kernel.scalars[name] === "u32"
      ? isCount(value) && value <= mostCount
      : typeof value === "number";
    if (!fits) refuseScalar(kernel, name, value, mostCount);
  }
  const elements = kernel.elements(scalars);
  for (const name in kernel.bindings) {
    const { type, size } = bindings[name], expected = kernel.bindings[name].type;
    if (type !== expected && !areExchangeable(type, expected)) refuseType(kernel, name, bindings);
    const needed = elements[name];
    if (needed !== undefined && needed > size) refuseSize(kernel, name, bindings, needed);
  }
}

function refuseScalar(
  { name: kernel }: Kernel,
  name: string,
  value: unknown,
  mostCount: number,
): never {
  const found = `found ${String(value)}`;
  if (typeof value !== "number") {
    throw new TypeError(`${kernel} takes ${name} as a number, ${found}`);
  }
  throw new RangeError(
    `${kernel} takes ${name} as a whole number from 0 to ${mostCount}, ${found}`,
  );
}

/** An unused binding may have a placeholder of another type of 4 bytes; bits of 16 are f16 or bf16. */
const areExchangeable = (type: ElementType, expected: ElementType): boolean =>
  elementBytes(type) === 4 && elementBytes(expected) === 4;

function refuseType({ name: kernel, bindings }: Kernel, name: string, bound: AnyBindings): never {
  const { label, type } = bound[name];
  throw new TypeError(
    `${kernel} takes ${name} as ${bindings[name].type}, found ${label} of type ${type}`,
  );
}

function refuseSize(
  { name: kernel }: Kernel,
  name: string,
  bound: AnyBindings,
  needed: number,
): never {
  const { label, size } = bound[name];
  throw new ShapeError(
    `${kernel} needs ${needed} elements of ${name} for these scalars, found ${size} in ${label}`,
  );
}
