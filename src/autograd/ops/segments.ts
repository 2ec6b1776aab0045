/**
 * Low-rank updates of which each row of a batch takes its own: two launches, however many there
 * are; and a linear layer with them, for inference and training.
 *
 * @module
 */

import { segmentOuter } from "../../../kernels/segment_outer/kernel.ts";
import { segmentProduct } from "../../../kernels/segment_product/kernel.ts";
import { segmentScale } from "../../../kernels/segment_scale/kernel.ts";
import { ShapeError } from "../../core/errors.ts";
import type { Tensor } from "../../device/device.ts";
import type { Parameter } from "../parameter.ts";
import type { Tape } from "../tape.ts";
import type { Weight } from "../weight.ts";
import { linearOutput } from "./linear.ts";

// Updates by row.

/** The rows of a batch, sorted by their groups: pieces of neighboring rows of one group. */
export interface Segments {
  /** u32: the numbers of `segment_product` for each piece. */
  readonly pieces: Tensor;
  /** Number of pieces. */
  readonly pieceCount: number;
  /** Rows that the pieces have. */
  readonly rows: number;
  /** Rows of the batch, those of no piece included. */
  readonly batch: number;
}

/** Matrices of every group in one tensor, as `segment_product` takes them. */
export interface GroupedMatrices {
  /** All matrices. */
  readonly values: Tensor;
  /** u32: five numbers for each part of each group. */
  readonly parts: Tensor;
  /** A factor for each part of each group. */
  readonly factors: Tensor;
  /** Number of groups. */
  readonly groups: number;
  /** Parts of a group. */
  readonly partCount: number;
  /** The largest n of a part. */
  readonly mostN: number;
  /** The largest k. */
  readonly mostK: number;
}

/** A scale and a shift of a layer's output, of some groups. */
export interface GroupedVectors {
  /** Vectors of all groups. */
  readonly values: Tensor;
  /** u32: for each group, 1 more than where its vectors begin, or 0. */
  readonly places: Tensor;
  /** Number of groups. */
  readonly groups: number;
}

/** The low-rank updates of one layer, of every group. */
export interface GroupedUpdates {
  /** A of every site, with its scaling. */
  readonly shrink: GroupedMatrices;
  /** B of every site. */
  readonly expand: GroupedMatrices;
  /** The magnitudes of DoRA, whose B is scaled by them, if any group has one. */
  readonly vectors?: GroupedVectors;
  /** The largest sum of the ranks of a group's sites. */
  readonly rank: number;
}

/**
 * y[r, rows] += scaling · (x[r] Aᵀ) Bᵀ with A, B and scaling of each site of row r's own group, in place; a
 * row of no group keeps its bits. Before, y[r] = scale · y[r] + shift where the group has these. The rows of
 * the others have the bits of `adaptedLinear` of a group's sites with as many rows, on `cpu` without BLAS.
 *
 * @throws {ShapeError} when x does not have the same number of rows for each row of the batch.
 * @throws {RangeError} when a gradient is to pass.
 */
export function addSegments(
  tape: Tape,
  x: Tensor,
  y: Tensor,
  segments: Segments,
  { shrink, expand, vectors, rank }: GroupedUpdates,
): Tensor {
  const { pieces, pieceCount, rows, batch } = segments;
  const [tokens] = x.shape, time = tokens / batch;
  if (!Number.isInteger(time)) {
    throw new ShapeError(
      `${batch} rows need the same number of tokens each, found ${tokens} in all`,
    );
  }
  if (tape.tracks(x) || tape.tracks(y)) {
    throw new RangeError(
      "rows with adapters of their own are not trained, found a tape that records",
    );
  }
  if (rows === 0 || rank === 0) return y;
  const hidden = tape.activation([tokens, rank], `${y.label} hidden`);
  multiplySegments(segments, shrink, x, hidden);
  if (vectors) {
    const { values, places, groups } = vectors;
    const counts = { rows, time, pieceCount, groups, width: widthOf(y) };
    tape.device.launch(segmentScale, { pieces, places, vectors: values, y }, counts);
  }
  multiplySegments(segments, expand, hidden, y, { accumulate: 1 });
  tape.release(hidden);
  return y;
}

/** Options for multiplying rows by the matrices of their groups. */
export interface SegmentOptions {
  /** True if matrices are stored as (n, k), false for (k, n). Default true. */
  readonly transposeB?: boolean;
  /** 1 to add to what is there. Default 0. */
  readonly accumulate?: 0 | 1;
}

/** to[r] = (accumulate ? to[r] : 0) + factor · from[r] · op(M) for each part M of row r's group. */
function multiplySegments(
  { pieces, pieceCount, rows, batch }: Segments,
  { values, parts, factors, ...counts }: GroupedMatrices,
  from: Tensor,
  to: Tensor,
  { transposeB = true, accumulate = 0 }: SegmentOptions = {},
): void {
  const [tokens] = to.shape, [aStride, cStride] = [from, to].map(widthOf);
  from.device.launch(
    segmentProduct,
    { a: from, b: values, pieces, parts, factors, c: to },
    {
      ...{ ...counts, rows, time: tokens / batch, pieceCount, tokens, aStride, cStride },
      ...{ transposeB: Number(transposeB), accumulate },
    },
  );
}

const widthOf = ({ shape }: Tensor): number => shape[shape.length - 1];

// Layers with updates by row.

/** Columns of the rows that `segment_outer` reads, and the start of every group's gradients. */
export interface GroupedGradients {
  /** All gradients, which are written. */
  readonly values: Tensor;
  /** u32: five numbers for each part of each group. */
  readonly parts: Tensor;
  /** Number of groups. */
  readonly groups: number;
  /** Parts of a group. */
  readonly partCount: number;
  /** The largest m of a part. */
  readonly mostM: number;
  /** The largest n. */
  readonly mostN: number;
}

/** The low-rank updates of one layer by every group, for training. */
export interface TrainedSegments {
  /** A and B of all sites: a gradient flows if one of them is trained. */
  readonly parameters: readonly Parameter[];
  /** h = scaling · x Aᵀ. */
  readonly shrink: GroupedMatrices;
  /** y += h Bᵀ. */
  readonly expand: GroupedMatrices;
  /** dh = scaling · dy B. */
  readonly shrinkGradient: GroupedMatrices;
  /** dx += dh A. */
  readonly expandGradient: GroupedMatrices;
  /** dA = dhᵀ x. */
  readonly gradientA: GroupedGradients;
  /** dB = dyᵀ h. */
  readonly gradientB: GroupedGradients;
  /** The largest sum of the ranks of a group's sites. */
  readonly rank: number;
}

/** The rows of a batch, each in a piece of its group, which has one, and how gradients are summed. */
export interface TrainedRows {
  /** The pieces. */
  readonly segments: Segments;
  /** 1 to add to the gradients that are there. */
  readonly accumulate: 0 | 1;
}

/**
 * y = x Wᵀ + bias, and y[r, rows] += scaling · (x[r] Aᵀ) Bᵀ with A, B and scaling of each site of row r's own
 * group. The weight and the bias are frozen.
 *
 * Gradients: dx = dy W + Σ dh A with dh = scaling · dy B, and dA = dhᵀ x and dB = dyᵀ h over the rows of each group,
 * which go to {@link TrainedSegments.gradientA} and `gradientB`: six launches, whatever the number of groups. On `cpu`
 * without BLAS all have the bits of `adaptedLinear` with the rows of a group alone, if these are more than 4 tokens.
 *
 * @throws {ShapeError} when x does not fit W.
 */
export function segmentLinear(
  tape: Tape,
  x: Tensor,
  weight: Weight,
  bias: Parameter | undefined,
  { segments, accumulate }: TrainedRows,
  updates: TrainedSegments,
): Tensor {
  const y = linearOutput(tape, x, weight, bias), shape = [x.shape[0], updates.rank];
  weight.multiply(x, y, bias?.tensor);
  const hidden = tape.activation(shape, `${y.label} hidden`);
  multiplySegments(segments, updates.shrink, x, hidden);
  multiplySegments(segments, updates.expand, hidden, y, { accumulate: 1 });
  const add = (to: GroupedGradients, p: Tensor, q: Tensor) =>
    addOuterProducts({ segments, accumulate }, to, p, q);
  tape.record(y, [x, ...updates.parameters], (dy) => {
    using dHidden = tape.device.allocate(shape, "f32", "scratch", `${y.label} dHidden`);
    add(updates.gradientB, dy, hidden);
    multiplySegments(segments, updates.shrinkGradient, dy, dHidden, { transposeB: false });
    add(updates.gradientA, dHidden, x);
    const into = tape.contribute(x);
    if (!into) return;
    weight.multiplyTransposed(dy, into);
    multiplySegments(segments, updates.expandGradient, dHidden, into.tensor, {
      transposeB: false,
      accumulate: 1,
    });
  }, [x, hidden]);
  tape.release(hidden);
  return y;
}

/** gradient += pᵀ q over the rows of each group. */
function addOuterProducts(
  { segments: { pieces, pieceCount, rows, batch }, accumulate }: TrainedRows,
  { values, parts, ...counts }: GroupedGradients,
  p: Tensor,
  q: Tensor,
): void {
  const time = p.shape[0] / batch, [pStride, qStride] = [p.shape[1], q.shape[1]];
  p.device.launch(
    segmentOuter,
    { p, q, pieces, parts, c: values },
    { ...counts, rows, time, pieceCount, pStride, qStride, accumulate },
  );
}
