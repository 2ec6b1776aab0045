/** The page of `lowrank compare --html`. @module */

import type { Figure } from "../figures/figure.ts";
import { heatmaps } from "../figures/heatmaps.ts";
import type { Report } from "../figures/report.ts";
import { type ComparedUpdate, comparisonByKind, comparisonTable } from "../inspect/mod.ts";

/** One heat map per module, all on one scale from 0 to 1. */
export function comparisonReport(
  modules: readonly ComparedUpdate[],
  folders: readonly [string, string],
  space: string,
  notice?: string,
): Report {
  return {
    notice,
    title: "Subspaces of two adapters",
    facts: [["first", folders[0]], ["second", folders[1]], ["directions of", space]],
    sections: [{
      id: "modules",
      title: "Modules",
      question:
        "How much do the first i directions of one adapter and the first j of the other share?",
      source: "Hu et al. 2021, section 7.2",
      settings: "φ(i, j) = ‖Uᵢᵀ Vⱼ‖² / min(i, j); by chance it is max(i, j) / d.",
      findings: [],
      tables: [comparisonByKind(modules), comparisonTable(modules)],
      figures: modules.map((module, index) => heatMap(module, `module-${index}`)),
    }],
  };
}

function heatMap({ name, phi, dimensions, randomBaseline }: ComparedUpdate, id: string): Figure {
  return {
    id,
    title: name,
    caption: `By chance φ is max(i, j) / ${dimensions}: ${
      randomBaseline.toFixed(3)
    } for all directions.`,
    ...heatmaps({
      columns: ["φ(i, j)"],
      rows: [{ label: "i, directions of the first", panels: [phi] }],
      xTitle: "j, directions of the second",
      panelHeight: 300,
    }),
  };
}
