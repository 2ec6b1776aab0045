/** Intruder dimensions of an update (2410.21228), and as much of ΔW elsewhere: what scaling them down undoes. @module */

import { intruders, toTensor, updateDirections } from "../src/analysis/mod.ts";
import type { Random } from "../src/core/random.ts";
import type { LowRankUpdate } from "../src/core/update.ts";
import {
  type DenseMatrix,
  denseOf,
  multiply,
  orthonormalRows,
  rowsOf,
  scaledBy,
  squaredNorm,
  stackedRows,
  svd,
  transposed,
} from "../src/linalg/mod.ts";

/** The factors by which the intruders' part of ΔW is multiplied. */
export const shares: readonly number[] = [0.75, 0.5, 0.25, 0];

/** The part of ΔW that is scaled: the intruders', or as much of ‖ΔW‖ along random directions of ΔW. */
export type ScaledPart = "intruders" | "control";

/** A part of ΔW, and the factor by which it is multiplied. */
export interface Scaling {
  /** The part. */
  readonly part: ScaledPart;
  /** The factor. */
  readonly share: number;
}

/** The scalings of an adapter: the control is only taken out whole, where the rules read it. */
export const scalings: readonly Scaling[] = [
  ...shares.map((share) => ({ part: "intruders", share } as const)),
  { part: "control", share: 0 },
];

/** ΔW. */
export const changeOf = ({ A, B, scaling }: LowRankUpdate): DenseMatrix =>
  scaledBy(multiply(denseOf(B), denseOf(A)), scaling);

/** The left singular vectors of W + ΔW that are intruders, one a row; undefined where there are none. */
function intruding(update: LowRankUpdate, weight: DenseMatrix): DenseMatrix | undefined {
  const threshold = 0.5, { directions } = intruders(update, weight, { threshold });
  const places = directions.flatMap(({ cosine }, i) => cosine < threshold ? [i] : []);
  if (places.length === 0) return undefined;
  const change = changeOf(update), data = weight.data.map((value, at) => value + change.data[at]);
  const { left } = svd({ ...weight, data });
  return stackedRows(places.map((i) => rowsOf(left, i, 1)));
}

/** ‖UΔW‖², what ΔW writes along some directions, one a row. */
const heldAlong = (directions: DenseMatrix, change: DenseMatrix): number =>
  squaredNorm(multiply(directions, change));

/**
 * Random orthogonal directions of ΔW's outputs, one a row, along which as much of ‖ΔW‖ is taken out as along some others.
 * The last of them is shorter than one, so that it is no more.
 */
export function asMuchAlong(
  update: LowRankUpdate,
  directions: DenseMatrix,
  random: Random,
): DenseMatrix {
  const change = changeOf(update), { left } = updateDirections(update);
  const drawn = multiply(orthonormalRows(left.rows, left.rows, random), left);
  const rows: DenseMatrix[] = [];
  let wanted = heldAlong(directions, change);
  for (let i = 0; i < drawn.rows && (i === 0 || wanted > 0); i++) {
    const row = rowsOf(drawn, i, 1), held = heldAlong(row, change);
    rows.push(scaledBy(row, Math.min(1, (wanted / held) ** 0.25))); // wuuᵀΔW has w²‖uᵀΔW‖².
    wanted -= held;
  }
  return stackedRows(rows);
}

/** An update whose part along some directions of the outputs is multiplied by a share: (I − (1 − share) UᵀU) ΔW. */
export function scaledAlong(
  update: LowRankUpdate,
  directions: DenseMatrix,
  share: number,
): LowRankUpdate {
  const B = denseOf(update.B), along = multiply(directions, B);
  const part = multiply(transposed(directions), along);
  const data = B.data.map((value, at) => value - (1 - share) * part.data[at]);
  return { ...update, B: toTensor({ ...B, data }) };
}

/** The update that, added to another, scales its part along some directions: −(1 − share) UᵀU ΔW. */
export function correctionOf(
  update: LowRankUpdate,
  directions: DenseMatrix,
  share: number,
): LowRankUpdate {
  const A = multiply(multiply(directions, denseOf(update.B)), denseOf(update.A));
  return { ...update, A: toTensor(A), B: toTensor(scaledBy(transposed(directions), share - 1)) };
}

/** An update with the directions of its parts, one a row; none where it has no intruder. */
export interface Divided {
  /** The update. */
  readonly update: LowRankUpdate;
  /** Directions of its outputs. */
  readonly parts?: Readonly<Record<ScaledPart, DenseMatrix>>;
}

/** Divides an update of a weight; the control is drawn. */
export function divide(update: LowRankUpdate, weight: DenseMatrix, random: Random): Divided {
  const found = intruding(update, weight);
  if (!found) return { update };
  return { update, parts: { intruders: found, control: asMuchAlong(update, found, random) } };
}

/** The update with a part of it scaled. */
export const scaledPart = ({ update, parts }: Divided, { part, share }: Scaling): LowRankUpdate =>
  parts ? scaledAlong(update, parts[part], share) : update;

/** The share of ‖ΔW‖² that the intruders hold. */
export function heldByIntruders(all: readonly Divided[]): number {
  let held = 0, whole = 0;
  for (const { update, parts } of all) {
    const change = changeOf(update);
    whole += squaredNorm(change);
    if (parts) held += heldAlong(parts.intruders, change);
  }
  return held / whole;
}
