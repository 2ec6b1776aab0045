/** Adapters that share a basis, and the same adapters cut down one by one. @module */

import type { LowRankUpdate } from "../../src/adapt/mod.ts";
import {
  type CommonDirections,
  commonDirections,
  sumError,
  toTensor,
  truncateUpdate,
} from "../../src/analysis/mod.ts";
import {
  type DenseMatrix,
  denseOf,
  multiply,
  multiplyTransposed,
  rowsOf,
  transposed,
} from "../../src/linalg/mod.ts";

/** Adapters, each with its sites in the same order. */
export type Adapters = readonly (readonly LowRankUpdate[])[];

/** Adapters in place of others. */
export interface Replaced {
  /** Adapters in the same number, of as many sites. */
  readonly adapters: Adapters;
  /** Values that have to be stored. */
  readonly values: number;
}

/**
 * Puts each adapter on the largest common basis of its site that stores at most a share of the
 * values.
 */
export function withSharedBasis(adapters: Adapters, share: number): Replaced {
  const sites = adapters[0].map((_, place) => {
    const updates = adapters.map((own) => own[place]);
    const most = share * updates.reduce((sum, update) => sum + valuesOf(update), 0);
    const { inputs, outputs } = commonDirections(updates), count = updates.length;
    const ends = inputs.columns + outputs.columns, size = largestBasis(ends, count, most);
    const basis = { inputs: firstOf(inputs, size), outputs: firstOf(outputs, size) };
    return {
      updates: updates.map((update) => ({ ...update, ...projectUpdate(update, basis) })),
      values: size * (ends + count * size),
    };
  });
  return {
    adapters: adapters.map((_, i) => sites.map(({ updates }) => updates[i])),
    values: sites.reduce((sum, { values }) => sum + values, 0),
  };
}

/** The largest k with k · ends + count · k² ≤ most. */
export function largestBasis(ends: number, count: number, most: number): number {
  return Math.floor((Math.sqrt(ends ** 2 + 4 * count * most) - ends) / (2 * count));
}

const firstOf = (directions: DenseMatrix, size: number): DenseMatrix =>
  rowsOf(directions, 0, Math.min(size, directions.rows));

/** P ΔW Q with the projections on directions of outputs and of inputs, in factors of the same rank. */
export function projectUpdate(
  { A, B, scaling }: Pick<LowRankUpdate, "A" | "B" | "scaling">,
  { inputs, outputs }: CommonDirections,
): Pick<LowRankUpdate, "A" | "B" | "scaling"> {
  return {
    A: toTensor(onto(denseOf(A), inputs)),
    B: toTensor(transposed(onto(transposed(denseOf(B)), outputs))),
    scaling,
  };
}

/** The rows, projected on the span of orthonormal directions. */
const onto = (rows: DenseMatrix, directions: DenseMatrix): DenseMatrix =>
  multiply(multiplyTransposed(rows, directions), directions);

/** Cuts each adapter down to a share of its rank, which must be whole. */
export function cutDown(adapters: Adapters, share: number): Replaced {
  const cut = adapters.map((own) =>
    own.map((update) => ({ ...update, ...truncateUpdate(update, share * update.A.shape[0]) }))
  );
  return { adapters: cut, values: cut.flat().reduce((sum, update) => sum + valuesOf(update), 0) };
}

/** Values of A and B. */
export const valuesOf = ({ A, B }: Pick<LowRankUpdate, "A" | "B">): number =>
  A.data.length + B.data.length;

/** ‖ΔW − ΔW′‖ / ‖ΔW‖ over all sites of an adapter. */
export function errorOf(own: readonly LowRankUpdate[], other: readonly LowRankUpdate[]): number {
  const errors = own.map((update, i) => sumError([{ update, weight: 1 }], other[i]));
  const sum = (key: "frobenius" | "norm") => errors.reduce((all, one) => all + one[key] ** 2, 0);
  return Math.sqrt(sum("frobenius") / sum("norm"));
}
