/** Tensors in host memory: shapes, and values from files and devices. @module */

import { ShapeError } from "./errors.ts";

// Shapes.

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

/** The indices of an element, outermost first, from its place in row-major order. */
export function positionIn(shape: Shape, index: number): number[] {
  const position: number[] = [];
  for (const extent of shape.toReversed()) {
    position.unshift(index % extent);
    index = Math.floor(index / extent);
  }
  return position;
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

// Tensors.

/**
 * Array types of a host tensor. The `reference` device returns `Float64Array`; a `Uint16Array` holds
 * the bits of F16 values.
 */
export type HostData = Float32Array | Float64Array | Uint32Array | Int32Array | Uint16Array;

/** Values in row-major order with their shape. */
export interface HostTensor {
  /** Extents, outermost first. */
  readonly shape: Shape;
  /** Row-major values. */
  readonly data: HostData;
}

/** True for F32 and F64 values. */
export function isFloat(data: ArrayLike<number>): boolean {
  return data instanceof Float32Array || data instanceof Float64Array;
}

/** The position of the first value that is NaN or infinite; -1 if there is none. */
export function nonFiniteAt(data: HostData): number {
  if (!isFloat(data)) return -1;
  // 0 x is 0 or NaN: sums without branches, four so that none waits, are many times as fast as a search.
  let s0 = 0, s1 = 0, s2 = 0, s3 = 0, i = 0;
  for (; i + 3 < data.length; i += 4) {
    s0 += 0 * data[i];
    s1 += 0 * data[i + 1];
    s2 += 0 * data[i + 2];
    s3 += 0 * data[i + 3];
  }
  for (; i < data.length; i++) s0 += 0 * data[i];
  return s0 + s1 + s2 + s3 === 0
    ? -1
    : (data as Float32Array).findIndex((value) => !Number.isFinite(value));
}

/** Makes a host tensor after checking that the data fill the shape. */
export function hostTensor(shape: Shape, data: HostData | readonly number[]): HostTensor {
  const values = Array.isArray(data) ? Float32Array.from(data) : data as HostData;
  if (values.length !== sizeOf(shape)) {
    throw new ShapeError(
      `a host tensor of shape [${shape.join(", ")}] needs ${
        sizeOf(shape)
      } values, found ${values.length}`,
    );
  }
  return { shape, data: values };
}

/** The least F32 number above 0 of full precision; GPUs may take smaller ones for 0. */
const leastFloat32 = 2 ** -126;

/** True if a number is finite in F32 and no device takes it for 0 there, unless it is 0. */
export function fitsFloat32(value: number): boolean {
  return Number.isFinite(Math.fround(value)) && (value === 0 || Math.abs(value) >= leastFloat32);
}
