/** An adapter's numbers as tables. @module */

import type { DataTable, TableColumn } from "../figures/figure.ts";
import type { ComparedUpdate } from "./compare.ts";
import type { UpdateRow } from "./describe.ts";
import { shortNames } from "./updates.ts";

const share = (key: string, label: string): TableColumn => ({ key, label, unit: "share" });
const count = (key: string, label: string): TableColumn => ({ key, label, unit: "count" });
const text = (key: string, label: string): TableColumn => ({ key, label, unit: "text" });

/** A row per update: its size, and its rank by several measures. */
export function updateTable(updates: readonly UpdateRow[]): DataTable {
  const names = shortNames(updates.map(({ name }) => name));
  return {
    id: "updates",
    title: "Size and rank of every update",
    columns: [
      text("name", "matrix"),
      count("rank", "r"),
      share("frobenius", "‖ΔW‖"),
      share("largest", "σ₁"),
      share("stableRank", "stable rank"),
      share("effectiveRank", "effective rank"),
      count("energyRank90", "90% energy"),
      count("suggestedRank", "suggested r"),
      count("wastedRank", "wasted"),
    ],
    rows: updates.map(({ singularValues, amplification: _, ...row }, i) => ({
      ...row,
      name: names[i],
      largest: singularValues[0],
    })),
  };
}

/** A row per update, compared with the weight that it changes: Table 7 of the paper. */
export function amplificationTable(updates: readonly UpdateRow[]): DataTable {
  const names = shortNames(updates.map(({ name }) => name));
  return {
    id: "amplification",
    title: "Every update compared with its weight, in the update's directions",
    columns: [
      text("name", "matrix"),
      share("deltaNorm", "‖ΔW‖"),
      share("weightNorm", "‖W‖"),
      share("relativeNorm", "‖ΔW‖ / ‖W‖"),
      share("inDelta", "‖UᵀWVᵀ‖, ΔW's directions"),
      share("inWeight", "W's own"),
      share("expectedRandom", "by chance"),
      share("factor", "amplification"),
    ],
    rows: updates.map(({ amplification, relativeNorm }, i) => ({
      ...amplification,
      name: names[i],
      relativeNorm,
    })),
  };
}

/**
 * A row per pair of updates: φ of the first and of all directions, the value by chance, and the
 * smallest angle.
 */
export function comparisonTable(compared: readonly ComparedUpdate[]): DataTable {
  const names = shortNames(compared.map(({ name }) => name));
  return {
    id: "comparison",
    title: "What two adapters have in common",
    columns: [
      text("name", "matrix"),
      text("sizes", "directions"),
      share("first", "φ(1, 1)"),
      share("all", "φ of all"),
      share("chance", "by chance"),
      share("angle", "smallest angle, degrees"),
    ],
    rows: compared.map(({ phi, principalAngles: [angle], randomBaseline }, i) => ({
      ...{ name: names[i], sizes: `${phi.length} × ${phi[0].length}`, first: phi[0][0] },
      all: phi.at(-1)!.at(-1)!,
      chance: randomBaseline,
      angle: angle * 180 / Math.PI,
    })),
  };
}
