/**
 * Low-rank updates in host memory, which files hold, analysis takes and adapters return; and their
 * sites, which are ranges of output rows of a layer.
 *
 * @module
 */

import { isRecord } from "./checks.ts";
import { quote, ShapeError } from "./errors.ts";
import { fitsFloat32, formatShape, type HostTensor, type Shape, sizeOf } from "./tensor.ts";

/** Distribution of the random values that A begins with. */
export type RandomInit = "kaiming" | "gaussian" | "orthonormal";

/** All of them. */
export const randomInits: readonly RandomInit[] = ["kaiming", "gaussian", "orthonormal"];

// Updates.

/** The factors of an update, ΔW = scaling · B A (Hu et al. 2021, section 4.1). */
export interface LowRankFactors {
  /** `(rank, in)`. */
  readonly A: HostTensor;
  /** `(out, rank)`, where `out` counts the rows that the update changes. */
  readonly B: HostTensor;
  /** The factor of B A: α / r, or α / √r when rank-stabilized. */
  readonly scaling: number;
}

/** The weight that an update changes, and the size of its factors. */
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

/** The name of an update in messages: its site, if it has one. */
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

// Sites.

/** The role of a part of a transformer block: GPT-2's fused `c_attn` is `q`, `k` and `v`. */
export type SiteRole = "q" | "k" | "v" | "o" | "up" | "down" | "head";

/** All roles, in the order in which errors list them. */
export const siteRoles: readonly SiteRole[] = ["q", "k", "v", "o", "up", "down", "head"];

/** The place of a low-rank update in a model. */
export interface SiteAddress {
  /** Path of the layer, such as `transformer.h.0.attn.c_attn`. */
  readonly module: string;
  /** The part of a fused weight, if it has a name. */
  readonly role?: SiteRole;
  /** The output rows of the weight that the site covers; all of them if absent. */
  readonly rows?: SiteRows;
  /**
   * Number of output rows of the whole weight; known whenever `rows` come from a model or a file.
   */
  readonly outputs?: number;
}

/**
 * The one spelling of a site: `transformer.h.0.attn.c_attn:q` for a named part,
 * `transformer.h.0.attn.c_attn[0:256]` for rows without a name, and the layer's path for all of its rows.
 */
export function siteName({ module, role, rows, outputs }: SiteAddress): string {
  if (role) return `${module}:${role}`;
  return rows && countRows(rows) !== outputs ? `${module}[${formatRows(rows)}]` : module;
}

// Ranges of rows.

/** A contiguous range of rows, such as one projection's rows in the weight of a fused layer. */
export interface RowRange {
  /** First row. */
  readonly start: number;
  /** Number of rows. */
  readonly count: number;
}

/** The rows of a site: one range, or several in the order of the site's own rows. */
export type SiteRows = RowRange | readonly RowRange[];

/** One range of a site's rows. */
export interface SiteRange extends RowRange {
  /** The number of the site's rows before this range. */
  readonly before: number;
}

/** The ranges of a site's rows, in order. */
export function rangesOf(rows: SiteRows): readonly SiteRange[] {
  let next = 0;
  return ("count" in rows ? [rows] : rows).map((range) => {
    const before = next;
    next += range.count;
    return { ...range, before };
  });
}

/** The rows one by one. */
export function indicesOf(rows: SiteRows): number[] {
  return rangesOf(rows).flatMap(({ start, count }) =>
    Array.from({ length: count }, (_, i) => start + i)
  );
}

/** The number of rows of a site. */
export function countRows(rows: SiteRows): number {
  return rangesOf(rows).reduce((sum, { count }) => sum + count, 0);
}

/** True for the same rows of one weight, in the same order. */
export function sameRows(a: SiteRows, b: SiteRows): boolean {
  const [one, other] = [a, b].map(rangesOf);
  return one.length === other.length &&
    one.every(({ start, count }, i) => start === other[i].start && count === other[i].count);
}

/** Rows as text: `0:256`, the end not included, or several such ranges. */
function formatRows(rows: SiteRows): string {
  return rangesOf(rows).map(({ start, count }) => `${start}:${start + count}`).join(",");
}

/** Cuts the first `count` rows into ranges of at most `most`. */
export function cutRange(count: number, most: number): RowRange[] {
  return Array.from({ length: Math.ceil(count / most) }, (_, i) => {
    return { start: i * most, count: Math.min(most, count - i * most) };
  });
}
