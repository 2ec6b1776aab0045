/** Figures of a set of adapters that may share directions. @module */

import type { Figure } from "../figures/figure.ts";
import { heatmaps } from "../figures/heatmaps.ts";
import { axis, baseLayout } from "../figures/layout.ts";
import { bars, dots } from "../figures/marks.ts";
import { palette } from "../figures/palette.ts";
import type { HeldShares, SharedModule } from "./shared_directions.ts";
import { shortNames } from "./updates.ts";

/** A bar for each module: the directions that all adapters need together, of one side of ΔW. */
export function sharedBasisFigure(
  modules: readonly SharedModule[],
  side: "inputs" | "outputs",
): Figure {
  const names = shortNames(modules.map(({ name }) => name));
  const nameOf = (_: SharedModule, i: number) => names[i];
  const mark = { size: 16, symbol: "line-ew-open", line: { width: 3 } };
  return {
    id: `shared-${side}`,
    title: `Directions of ${side} that the adapters need together`,
    caption:
      "Bars: how many directions hold the share of the energy of all updates, each of norm 1. " +
      "A bar well below the mark of random directions means that the adapters could share a basis there.",
    data: [
      bars(modules, nameOf, (module) => module[side].together, { color: palette.lora[0] }, {
        ...{ name: "together", width: 0.5 },
      }),
      // Longer and below, so that the mark of random directions is seen where both have one height.
      dots(modules, nameOf, ({ alone }) => alone, { ...mark, size: 28, color: palette.lora[2] }, {
        name: "if none is shared",
      }),
      dots(modules, nameOf, (module) => module[side].byChance, { ...mark, color: palette.base }, {
        name: "of random directions",
      }),
    ],
    layout: baseLayout(axis("", { tickangle: -40 }), axis("directions", { rangemode: "tozero" }), {
      showlegend: true,
    }),
  };
}

/** How much of each adapter is in the leading directions of each other one, on both sides. */
export function heldFigure({ inputs, outputs }: HeldShares, names: readonly string[]): Figure {
  return {
    id: "held",
    title: "What one adapter's directions hold of another",
    caption: `Mean over modules of the share of the row's energy. Adapters: ${
      names.map((name, i) => `${i + 1} ${name}`).join(", ")
    }.`,
    ...heatmaps({
      columns: ["inputs", "outputs"],
      rows: [{ label: "of adapter", panels: [inputs, outputs] }],
      xTitle: "in the directions of adapter",
      panelHeight: 260,
    }),
  };
}
