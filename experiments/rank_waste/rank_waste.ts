/** Finds adapters that share a subspace, and tests if they could share a basis. @module */

import { type Experiment, experiment } from "../frame/mod.ts";
import { unlearned, wasteClaims } from "./claims.ts";
import { wasteFigures, wasteTables } from "./pictures.ts";
import shipped from "./rank_waste.json" with { type: "json" };
import { type WasteRows, wasteRows } from "./rows.ts";
import { wasteRate, type WasteRun, wasteRuns, wasteSteps, wasteTasks } from "./runs.ts";

const settings = (rows: WasteRows): string => {
  const none = unlearned(rows), names = wasteTasks.map(({ name }) => name).join(", ");
  return `LoRA on all linear layers of the small base, α = 16, ${wasteSteps} steps of 16 pairs at rate ${wasteRate}. ` +
    `Tasks of WordNet: ${names}. Each with a start of its own, and all with one start. Decision 0041 has the rules.` +
    (none.length > 0 ? ` Nothing is judged: nothing was learned at r = ${none.join(", ")}.` : "");
};

/** Directions that adapters of different tasks share, and what sharing saves and loses. */
export const rankWaste: Experiment = experiment<WasteRun, WasteRows>({
  name: "rank-waste",
  title: "Rank waste: which adapters could share a basis",
  question:
    "Do adapters of different tasks learn common directions, so that they could share a basis, and what would " +
    "sharing save and lose?",
  source: "not in the paper; φ is its equation 4. Shared bases: Brüel-Gabrielsson et al. 2024",
  scale: true,
  beyond: true,
  runs: wasteRuns,
  quoted: { ...shipped, rows: shipped.rows as WasteRows },
  rows: wasteRows,
  settings,
  claims: wasteClaims,
  tables: [wasteTables],
  figures: wasteFigures,
});
