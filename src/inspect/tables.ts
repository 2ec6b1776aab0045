/** An adapter's numbers as tables. @module */

import type { DataTable } from "../figures/figure.ts";
import { table } from "../figures/table.ts";
import type { ComparedUpdate } from "./compare.ts";
import type { UpdateRow } from "./describe.ts";
import { shortNames } from "./updates.ts";

/** A row per update: its size, and its rank by several measures. */
export function updateTable(updates: readonly UpdateRow[]): DataTable {
  return table({
    id: "updates",
    title: "Size and rank of every update",
    columns: [
      ["name", "matrix", "text"],
      ["rank", "r", "count"],
      ["frobenius", "‖ΔW‖", "share"],
      ["largest", "σ₁", "share", ({ singularValues: [largest] }) => largest],
      ["stableRank", "stable rank", "share"],
      ["effectiveRank", "effective rank", "share"],
      ["energyRank90", "90% energy", "count"],
      ["suggestedRank", "suggested r", "count"],
      ["wastedRank", "wasted", "count"],
    ],
    rows: shortened(updates),
  });
}

/** A row per update, compared with the weight that it changes: Table 7 of the paper. */
export function amplificationTable(updates: readonly UpdateRow[]): DataTable {
  return table({
    id: "amplification",
    title: "Every update compared with its weight, in the update's directions",
    columns: [
      ["name", "matrix", "text"],
      ["deltaNorm", "‖ΔW‖", "share"],
      ["weightNorm", "‖W‖", "share"],
      ["relativeNorm", "‖ΔW‖ / ‖W‖", "share"],
      ["inDelta", "‖UᵀWVᵀ‖, ΔW's directions", "share"],
      ["inWeight", "W's own", "share"],
      ["expectedRandom", "by chance", "share"],
      ["factor", "amplification", "share"],
      ["randomFactor", "by chance", "share"],
      ["timesRandom", "amplification / by chance", "share"],
    ],
    rows: shortened(updates).map((update) => ({ ...update, ...update.amplification })),
  });
}

/**
 * A row per pair of updates: φ of the first and of all directions, the value by chance, and the
 * smallest angle.
 */
export function comparisonTable(compared: readonly ComparedUpdate[]): DataTable {
  return table({
    id: "comparison",
    title: "What two adapters have in common",
    columns: [
      ["name", "matrix", "text"],
      ["sizes", "directions", "text", ({ phi }) => `${phi.length} × ${phi[0].length}`],
      ["first", "φ(1, 1)", "share", ({ phi }) => phi[0][0]],
      ["all", "φ of all", "share", ({ phi }) => phi.at(-1)!.at(-1)!],
      ["chance", "by chance", "share", ({ randomBaseline }) => randomBaseline],
      [
        "angle",
        "smallest angle, degrees",
        "share",
        ({ principalAngles: [angle] }) => angle * 180 / Math.PI,
      ],
    ],
    rows: shortened(compared),
  });
}

/** The rows without what all of their names begin with. */
function shortened<Row extends { readonly name: string }>(rows: readonly Row[]): Row[] {
  const names = shortNames(rows.map(({ name }) => name));
  return rows.map((row, i) => ({ ...row, name: names[i] }));
}
