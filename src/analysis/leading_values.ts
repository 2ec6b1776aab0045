/** The largest singular values of a weight, found once for each. @module */

import { type LargeMatrix, leadingSvd, singularValues } from "../linalg/mod.ts";
import { type Matrix, toLarge } from "./input.ts";

/**
 * If both sides of W are larger, its own directions come from random projections instead of an exact
 * SVD.
 */
const largestDecomposed = 1024;

/** A matrix that was seen before: a mark of its values, and its singular values by method. */
interface Known {
  readonly mark: number;
  readonly values: Map<string, Float64Array>;
}

const known = new WeakMap<Matrix, Known>();

/**
 * The first singular values of W, at least `rank` of them. They are kept for as long as the object is: a weight
 * that many updates are compared with is decomposed once. Values that were changed in place are noticed.
 *
 * @param seed Of the random projections of a large W.
 */
export function leadingValues(weight: Matrix, rank: number, seed: number): Float64Array {
  const W = toLarge(weight, "the weight"), mark = markOf(W);
  const before = known.get(weight);
  const own = before?.mark === mark ? before : { mark, values: new Map<string, Float64Array>() };
  if (own !== before) known.set(weight, own);
  const isWhole = Math.min(W.rows, W.columns) <= largestDecomposed;
  const key = isWhole ? "all" : `${rank} by seed ${seed}`;
  const values = own.values.get(key) ??
    (isWhole
      ? singularValues({ ...W, data: new Float64Array(W.data) })
      : leadingSvd(W, rank, { seed }).values);
  own.values.set(key, values);
  return values;
}

/** The FNV-1a hash of the shape and of the values' bits. */
function markOf({ rows, columns, data }: LargeMatrix): number {
  const words = new Uint32Array(data.buffer, data.byteOffset, data.byteLength / 4);
  let hash = Math.imul(rows ^ 0x811c9dc5, 0x01000193) ^ columns;
  for (let i = 0; i < words.length; i++) hash = Math.imul(hash ^ words[i], 0x01000193);
  return hash;
}
