/** The layout that every figure starts with. @module */

import { palette } from "./palette.ts";
import type { Axis, Layout } from "./plotly_types.ts";

/** Grid and ticks. */
const line = "#e6e8ee";

/** An axis with a title that names its unit. */
export function axis(title: string, more: Axis = {}): Axis {
  return {
    title: { text: title, standoff: 10 },
    automargin: true,
    gridcolor: line,
    ticks: "outside",
    ticklen: 4,
    tickcolor: line,
    zeroline: false,
    ...more,
  };
}

/** A logarithmic axis; its labels are whole numbers, such as 20 and 50, where powers of ten are too few. */
export function logAxis(title: string, more: Axis = {}): Axis {
  return axis(title, { type: "log", nticks: 4, tickformat: ",~r", ...more });
}

/** A logarithmic axis of large counts, from 1k to 100B, with a label at each power of ten. */
export function logCountAxis(title: string, more: Axis = {}): Axis {
  return axis(title, { type: "log", dtick: 1, ...more });
}

/** Most whole numbers that have a tick each. */
const mostTicks = 10;

/** An axis of whole numbers: indices, ranks. */
export function indexAxis(title: string, from: number, to: number): Axis {
  const ticks = to - from < mostTicks ? { tick0: from, dtick: 1 } : {};
  return axis(title, { range: [from - 0.5, to + 0.5], ...ticks });
}

/** White paper, room for axis titles, a legend above the plot. */
export function baseLayout(
  x: Axis,
  y: Axis,
  more: Layout = {},
): Layout {
  return {
    paper_bgcolor: "#ffffff",
    plot_bgcolor: "#ffffff",
    colorway: palette.series,
    font: { family: "system-ui, sans-serif", size: 13, color: "#1f2430" },
    margin: { t: 40, r: 20, b: 64, l: 60 },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", traceorder: "normal" },
    xaxis: x,
    yaxis: y,
    height: 420,
    ...more,
  };
}
