/** The rules of figure 8 and table 7 (docs/decisions/0012), as functions of the rows. @module */

import type { AmplificationRow } from "./amplification_rows.ts";
import { phi } from "./subspace_rules.ts";

/** φ between all of W's top directions and all of ΔW's. */
export function overlapOf({ overlap }: Pick<AmplificationRow, "overlap">): number {
  return phi(overlap, overlap.length, overlap[0].length);
}

/** max(i, j) / d there. */
export function chanceOf(
  { overlap }: Pick<AmplificationRow, "overlap">,
  dimensions: number,
): number {
  return Math.max(overlap.length, overlap[0].length) / dimensions;
}

/** Figure 8: W's top directions are no more than twice as near to ΔW's as chance, at every rank. */
export function topsDiffer(
  rows: readonly Pick<AmplificationRow, "overlap">[],
  dimensions: number,
): boolean {
  return rows.every((row) => overlapOf(row) <= 2 * chanceOf(row, dimensions));
}

/** Table 7: directions that W has, more than random ones, and does not emphasise, at r = 4. */
export function amplifiesUnemphasised(
  rows: readonly Pick<AmplificationRow, "rank" | "inDelta" | "inRandom" | "inWeight">[],
): boolean {
  return rows.filter(({ rank }) => rank === 4)
    .every(({ inDelta, inRandom, inWeight }) => inDelta > inRandom && inDelta < inWeight / 2);
}

/** Table 7: the factor is smaller at r = 64 than at r = 4, in every layer. */
export function factorFalls(
  rows: readonly Pick<AmplificationRow, "rank" | "layer" | "factor">[],
): boolean {
  const at = (layer: number, rank: number) =>
    rows.find((row) => row.layer === layer && row.rank === rank)!.factor;
  return [...new Set(rows.map(({ layer }) => layer))].every((layer) =>
    at(layer, 64) < at(layer, 4)
  );
}
