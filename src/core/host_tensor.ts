/** Tensors in host memory: what files hold and what is read from a device. @module */

import { type Shape, sizeOf } from "./shape.ts";
import { ShapeError } from "./errors.ts";

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
