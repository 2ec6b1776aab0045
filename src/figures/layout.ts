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

/** A logarithmic axis with a label at each power of ten. */
export function logAxis(title: string, more: Axis = {}): Axis {
  return axis(title, { type: "log", dtick: 1, ...more });
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
