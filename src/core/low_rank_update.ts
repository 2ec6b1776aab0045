/** A low-rank update in host memory: what files hold, analysis takes and adapters return. @module */

import { ShapeError } from "./errors.ts";
import { fitsFloat32 } from "./float32.ts";
import type { HostTensor } from "./host_tensor.ts";
import { isRecord } from "./json.ts";
import { quote } from "./quote.ts";
import { countRows } from "./row_range.ts";
import { formatShape, type Shape, sizeOf } from "./shape.ts";
import { type SiteAddress, siteName } from "./site.ts";

/** The factors of an update, ΔW = scaling · B A (Hu et al. 2021, section 4.1). */
export interface LowRankFactors {
  /** `(rank, in)`. */
  readonly A: HostTensor;
  /** `(out, rank)`, where `out` counts the rows that the update changes. */
  readonly B: HostTensor;
  /** The factor of B A: α / r, or α / √r when rank-stabilized. */
  readonly scaling: number;
}

/** Which weight an update changes, and how large its factors are. */
export interface UpdateShape extends SiteAddress {
  /** As in {@link LowRankUpdate}. */
  readonly isEmbedding?: boolean;
  /** The extents of A. */
  readonly A: Pick<HostTensor, "shape">;
  /** The extents of B. */
  readonly B: Pick<HostTensor, "shape">;
}

/** The update of one site: W[rows, :] changes by scaling · B A. */
export interface LowRankUpdate extends SiteAddress, LowRankFactors {
  /**
   * True for an embedding, which is linear in one-hot tokens: A is (rank, tokens), B (width, rank), and the
   * table (tokens, width) changes by the transposed product.
   */
  readonly isEmbedding?: boolean;
}

/** How messages name an update: by its site, if it has one. */
export function updateName(update: LowRankFactors | LowRankUpdate): string {
  const isSite = isRecord(update) && "module" in update;
  return isSite ? siteName(update as LowRankUpdate) : "the update";
}

/**
 * Throws unless A and B are matrices of one rank, at least 1, that fit the update's rows and the weight
 * that it is for, and the scaling is one that devices can apply. Their values are not looked at: files
 * are checked as they are read and written, and analysis checks its copies.
 *
 * @param weight Shape of the weight, `(out, in)`, if it is known.
 * @throws {TypeError} when A or B is not a tensor on the host.
 * @throws {ShapeError} when A and B do not fit each other, the rows, the weight or their own shapes.
 * @throws {RangeError} when the scaling is not finite in F32, or is lost there.
 */
export function assertUpdate(update: LowRankFactors | LowRankUpdate, weight?: Shape): void {
  assertFactors(update);
  const { A, B, scaling } = update, name = updateName(update), [rank] = A.shape;
  const rows = "rows" in update && update.rows ? countRows(update.rows) : undefined;
  const [out, inner] = [rows ?? weight?.[0], weight?.[1]];
  const fit = A.shape.length === 2 && B.shape.length === 2 && rank > 0 && B.shape[1] === rank &&
    B.shape[0] > 0 && A.shape[1] > 0 && B.shape[0] === (out ?? B.shape[0]) &&
    A.shape[1] === (inner ?? A.shape[1]);
  if (!fit) {
    throw new ShapeError(
      `A and B of ${name} must be (rank, ${inner ?? "in"}) and (${out ?? "out"}, rank), found ${
        formatShape(A.shape)
      } and ${formatShape(B.shape)}`,
    );
  }
  for (const [factor, { shape, data }] of Object.entries({ A, B })) {
    const size = sizeOf(shape), values = `${size} values for ${formatShape(shape)}`;
    if (data.length === size) continue;
    throw new ShapeError(`${factor} of ${name} must have ${values}, found ${data.length}`);
  }
  assertScaling(scaling, name);
}

/** Callers without types may pass an adapter, or a list of updates. */
function assertFactors(update: LowRankFactors): void {
  const { A, B } = isRecord(update) ? update : {} as Partial<LowRankFactors>;
  const isTensor = (factor?: HostTensor) => Array.isArray(factor?.shape) && factor.data;
  if (isTensor(A) && isTensor(B)) return;
  const found = isRecord(update) && "sites" in update
    ? "an adapter: take adapter.spectra(), or one of the updates in await adapter.read()"
    : Array.isArray(update)
    ? "a list: take its members one by one"
    : quote(update);
  throw new TypeError(`an update needs A and B as { shape, data }, found ${found}`);
}

/**
 * Throws unless a scaling is a number in F32, in which devices apply it: a quotient α / r may be too
 * large, or become 0.
 *
 * @throws {RangeError} when it is not.
 */
export function assertScaling(scaling: number, name: string): void {
  if (fitsFloat32(scaling)) return;
  const rule = Math.abs(scaling) < 1 ? "not vanish in F32" : "be finite in F32";
  throw new RangeError(`the scaling of ${name} must ${rule}, found ${scaling}`);
}

/**
 * ΔW = scaling · B A, `(out, in)`, summed in float64 and rounded to F32 at the end (Hu et al. 2021,
 * section 4.1). Cost: out · rank · in multiplications.
 *
 * @throws {ShapeError} when A and B do not fit each other.
 * @throws {RangeError} when the scaling is not finite in F32, or is lost there.
 *
 * @example
 * ```ts
 * import { deltaWeight } from "@lowrank/core";
 *
 * const A = { shape: [1, 2], data: Float32Array.of(1, 2) };
 * const B = { shape: [2, 1], data: Float32Array.of(3, -1) };
 * console.log(deltaWeight({ A, B, scaling: 2 }).data); // 6, 12, -2, -4
 * ```
 */
export function deltaWeight(update: LowRankFactors): HostTensor {
  assertUpdate(update);
  const { A, B, scaling } = update, [out, rank] = B.shape, width = A.shape[1];
  const data = new Float32Array(out * width), row = new Float64Array(width);
  for (let i = 0; i < out; i++) {
    row.fill(0);
    for (let r = 0; r < rank; r++) {
      const factor = scaling * B.data[i * rank + r];
      for (let j = 0; j < width; j++) row[j] += factor * A.data[r * width + j];
    }
    data.set(row, i * width);
  }
  return { shape: [out, width], data };
}
