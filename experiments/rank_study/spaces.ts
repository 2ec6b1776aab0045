/** The spaces in which adapters are compared, and what random adapters share in them. @module */

import {
  inActivationMetric,
  type LowRankUpdate,
  rightDirections,
  similarityGrid,
  toTensor,
  updateDirections,
} from "../../src/analysis/mod.ts";
import { Random } from "../../src/core/random.ts";
import { siteName } from "../../src/core/site.ts";
import { type DenseMatrix, gaussian, symmetricEigen } from "../../src/linalg/mod.ts";
import type { Claim } from "../frame/claim.ts";

/** φ(i, j) at [i − 1][j − 1]. */
export type Grid = readonly (readonly number[])[];

/** φ(i, j), counted from 1 as in the paper. */
export const phi = (grid: Grid, i: number, j: number): number => grid[i - 1][j - 1];

/** The metric of a layer's inputs, as `inActivationMetric` takes it. */
export interface InputMetric {
  /** As many rows as columns; their second moment is S. */
  readonly activations: DenseMatrix;
}

/**
 * The metric of a second moment S = Σ λ x xᵀ, as the d inputs √(d λ) x, which have that second moment:
 * S is decomposed once for all updates.
 */
export function metricOf(secondMoment: DenseMatrix): InputMetric {
  const { values, vectors: { rows, columns, data } } = symmetricEigen(secondMoment);
  const sizes = values.map((value) => Math.sqrt(columns * Math.max(0, value)));
  const scaled = data.map((value, at) => sizes[Math.floor(at / columns)] * value);
  return { activations: { rows, columns, data: scaled } };
}

/** A way to take an update's directions, the largest first, one a row. */
export interface Space {
  /** As in figures. */
  readonly name: string;
  /** The directions; `metric` is that of the layer's inputs. */
  directions(update: LowRankUpdate, metric: InputMetric): DenseMatrix;
}

/** Where the paper looks, where the layer acts, and ΔW's own two sides. */
export const spaces: Readonly<Record<"A" | "metric" | "right" | "left", Space>> = {
  A: { name: "A", directions: (update) => rightDirections(update.A, siteName(update)) },
  metric: {
    name: "ΔW·S^½",
    directions: (update, metric) => updateDirections(inActivationMetric(update, metric)).right,
  },
  right: { name: "ΔW, right", directions: (update) => updateDirections(update).right },
  left: { name: "ΔW, left", directions: (update) => updateDirections(update).left },
};

/** Pairs of random updates that a control is the mean of. */
export const controlPairs = 20;

/** φ between the directions of Gaussian updates of two ranks, the mean of {@link controlPairs} pairs. */
export function gaussianControl(
  space: Space,
  metric: InputMetric,
  [one, two]: readonly [number, number],
  seed: number,
): Grid {
  const random = new Random(seed), width = metric.activations.columns;
  const draw = (rank: number) => space.directions(gaussianUpdate(width, rank, random), metric);
  return meanGrid(
    Array.from({ length: controlPairs }, () => similarityGrid(draw(one), draw(two))),
  );
}

/** An update of Gaussian A and B. */
export function gaussianUpdate(width: number, rank: number, random: Random): LowRankUpdate {
  return {
    module: "a Gaussian update",
    A: toTensor(gaussian(rank, width, random)),
    B: toTensor(gaussian(width, rank, random)),
    scaling: 1,
  };
}

/** The mean of grids, over the part that all have. */
export function meanGrid(grids: readonly Grid[]): Grid {
  const rows = Math.min(...grids.map((grid) => grid.length));
  const columns = Math.min(...grids.map(([row]) => row.length));
  const at = (i: number, j: number) =>
    grids.reduce((sum, grid) => sum + grid[i][j], 0) / grids.length;
  return Array.from(
    { length: rows },
    (_, i) => Array.from({ length: columns }, (_, j) => at(i, j)),
  );
}

/** Claims as they are judged in one space, whose name they say. */
export function claimsIn<Rows>(
  name: string,
  claims: readonly Claim<Rows>[],
  rows: Rows,
): Claim<unknown>[] {
  return claims.map((claim) => ({
    ...claim,
    text: `${claim.text} (in ${name})`,
    holds: () => claim.holds(rows),
    found: () => claim.found(rows),
  }));
}
