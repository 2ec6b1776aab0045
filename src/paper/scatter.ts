/** Every printed number that can be computed, against ours. @module */

import { boundsOf } from "../core/numbers.ts";
import type { Figure } from "../figures/figure.ts";
import { axis, baseLayout, logCountAxis } from "../figures/layout.ts";
import { dots, line } from "../figures/marks.ts";
import { palette } from "../figures/palette.ts";
import type { Trace } from "../figures/plotly_types.ts";
import { tableLabel } from "./printed/mod.ts";
import { printedValue } from "./printed_number.ts";
import type { PaperRow } from "./rows.ts";
import { verdictColors } from "./tables.ts";

/** Where a printed number is above or below ours in the lower panel. */
const ratios = [0.8, 1, 1.25, 1.6, 2];

/**
 * Printed numbers over ours, on the diagonal where they agree, and below it their ratio, which shows
 * differences that sixteen powers of ten hide.
 */
export function printedAgainstOurs(rows: readonly PaperRow[]): Figure {
  const computed = rows.filter(({ verdict }) => verdict !== "quoted");
  const ends = boundsOf(computed.map((row) => ours(row))), same = { color: palette.base, width: 1 };
  const guide = (y: (value: number) => number, more: Partial<Trace>) =>
    line(ends, (value) => value, y, same, { showlegend: false, hoverinfo: "skip", ...more });
  return {
    id: "paper-scatter",
    title: `Printed against ours: ${computed.length} numbers of the paper`,
    caption:
      "One mark per printed number that can be computed, in whole units (parameters, bytes, " +
      "percent, factors). On the line, they agree; below, the printed number divided by ours. Zoom by " +
      "dragging; a mark says which number it is.",
    data: [
      guide((value) => value, {}),
      guide(() => 1, { yaxis: "y2" }),
      ...marks(computed, printed, { showlegend: true }),
      ...marks(computed, (row) => printed(row) / ours(row), { yaxis: "y2", showlegend: false }),
    ],
    layout: {
      ...baseLayout(
        logCountAxis("ours", { anchor: "y2", dtick: 2 }),
        logCountAxis("printed", { domain: [0.4, 1], dtick: 2 }),
        { height: 560, hovermode: "closest" },
      ),
      yaxis2: axis("printed / ours", {
        type: "log",
        domain: [0, 0.3],
        range: [-0.12, 0.33],
        tickvals: ratios,
        ticktext: ratios.map(String),
      }),
    },
  };
}

const ours = ({ computed }: PaperRow) => computed!;
const printed = ({ printed }: PaperRow) => printedValue(printed);

/** Marks of each verdict, the rare ones on top. */
function marks(
  rows: readonly PaperRow[],
  y: (row: PaperRow) => number,
  more: Partial<Trace>,
): Trace[] {
  return Object.entries(verdictColors).map(([name, color]) => {
    const own = rows.filter(({ verdict }) => verdict === name);
    const text = own.map((row) => `${tableLabel(row.table)}, ${row.cell}: ${row.printed}`);
    const marker = { color, size: 7, opacity: 0.75 };
    return dots(own, ours, y, marker, { name, text, legendgroup: name, ...more });
  });
}
