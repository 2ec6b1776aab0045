/** The verdicts on the paper's printed numbers as bars. @module */

import type { Figure } from "../src/figures/figure.ts";
import { axis, baseLayout } from "../src/figures/layout.ts";
import { palette } from "../src/figures/palette.ts";
import type { VerdictCounts } from "../src/paper/mod.ts";

/** Colours of what is compared, without what is only quoted. */
const colours = {
  "equal when rounded": palette.merged,
  "equal when truncated": palette.series[4],
  "differs": palette.full,
} as const;

/** A bar for each table that arithmetic reaches, by verdict. */
export function verdictFigure(counts: ReadonlyMap<string, VerdictCounts>): Figure {
  const verdicts = Object.keys(colours) as (keyof typeof colours)[];
  const reached = [...counts].filter(([, count]) => verdicts.some((verdict) => count[verdict] > 0));
  return {
    id: "paper-verdicts",
    title: "Printed numbers that arithmetic reaches, beside ours",
    caption: "One bar a table, one unit a printed cell. What only training would give is left out.",
    data: verdicts.map((verdict) => ({
      type: "bar",
      orientation: "h",
      name: verdict,
      y: reached.map(([table]) => table),
      x: reached.map(([, count]) => count[verdict]),
      marker: { color: colours[verdict] },
    })),
    layout: baseLayout(
      axis("printed cells", { rangemode: "tozero" }),
      axis("", { autorange: "reversed" }),
      { barmode: "stack", height: 380 },
    ),
  };
}
