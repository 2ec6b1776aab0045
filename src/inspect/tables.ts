/** An adapter's numbers as tables. @module */

import type { DataTable } from "../figures/figure.ts";
import { type Column, table } from "../figures/table.ts";
import type { ComparedUpdate } from "./compare.ts";
import type { UpdateRow } from "./describe.ts";
import {
  type Similarities,
  similaritiesByKind,
  similaritiesOf,
  similarityNames,
  similarityTitles,
} from "./similarities.ts";
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
      ["inDelta", "‖UᵀWV‖, ΔW's directions", "share"],
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
 * A row per pair of updates: φ of the first, of the 2nd to the 8th, of the first 8 and of all directions where there
 * are that many, each beside its value by chance, and the smallest angle.
 */
export function comparisonTable(compared: readonly ComparedUpdate[]): DataTable {
  const rows = shortened(compared).map((row) => ({ ...row, ...similaritiesOf(row) }));
  return table({
    id: "comparison",
    title: "What two adapters have in common",
    columns: [
      ["name", "matrix", "text"],
      ["sizes", "directions", "text", ({ phi }) => `${phi.length} × ${phi[0].length}`],
      ...similarityColumns<typeof rows[number]>(rows),
      [
        "angle",
        "smallest angle, degrees",
        "share",
        ({ principalAngles: [angle] }) => angle * 180 / Math.PI,
      ],
    ],
    rows,
  });
}

/** A row per kind of layer: the means of the same φ. */
export function comparisonByKind(compared: readonly ComparedUpdate[]): DataTable {
  const rows = similaritiesByKind(compared);
  return table({
    id: "comparison-kinds",
    title: "Means by kind of layer",
    columns: [
      ["kind", "kind", "text"],
      ["sites", "sites", "count"],
      ...similarityColumns<typeof rows[number]>(rows),
    ],
    rows,
  });
}

/** A φ and chance for each that a row has. */
function similarityColumns<Row extends Similarities>(rows: readonly Row[]): Column<Row>[] {
  return similarityNames.filter((name) => rows.some((row) => row[name])).flatMap(
    (name): Column<Row>[] => [
      [name, similarityTitles[name], "share", (row) => row[name]?.value],
      [`${name}ByChance`, "by chance", "share", (row) => row[name]?.byChance],
    ],
  );
}

/** The rows without what all of their names begin with. */
function shortened<Row extends { readonly name: string }>(rows: readonly Row[]): Row[] {
  const names = shortNames(rows.map(({ name }) => name));
  return rows.map((row, i) => ({ ...row, name: names[i] }));
}
