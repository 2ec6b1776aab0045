/** A linear layer of which each row of a batch has low-rank updates of its own, and their gradients. @module */

import { segmentOuter } from "../../../kernels/segment_outer/kernel.ts";
import type { Tensor } from "../../device/device.ts";
import type { Parameter } from "../parameter.ts";
import type { Tape } from "../tape.ts";
import type { Weight } from "../weight.ts";
import { linearOutput } from "./linear.ts";
import { type GroupedMatrices, multiplySegments, type Segments } from "./segments.ts";

/** Where `segment_outer` finds the rows' columns, and where the gradients of every group begin. */
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
