/** Shapes: the extents of a tensor's axes, outermost first. @module */

import { ShapeError } from "./errors.ts";

/** The extents of a tensor's axes, outermost (slowest) first. */
export type Shape = readonly number[];

/**
 * Number of elements: the product of the extents, 1 for a scalar.
 *
 * @throws {ShapeError} when an extent is not a whole number from 0, or there are 2^53 elements or more.
 */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const extent of shape) {
    if (!isCount(extent)) refuse(shape, "have whole numbers from 0 as extents");
    size *= extent;
  }
  if (!isCount(size)) refuse(shape, "have fewer than 2^53 elements");
  return size;
}

/** True for a whole number from 0 that is exact. */
export function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function refuse(shape: Shape, rule: string): never {
  throw new ShapeError(`a shape must ${rule}, found ${formatShape(shape)}`);
}

/** A shape as text: `[2, 3]`. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/** True when both shapes have the same extents. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

/** Throws a {@link ShapeError} that names `what` unless `actual` equals `expected`. */
export function assertShape(what: string, actual: Shape, expected: Shape): void {
  if (!sameShape(actual, expected)) {
    throw new ShapeError(
      `${what} must have shape ${formatShape(expected)}, found ${formatShape(actual)}`,
    );
  }
}
