/** The layout that every figure starts from. @module */

/** An axis with a title that names its unit. */
export function axis(title: string, more: Readonly<Record<string, unknown>> = {}) {
  return {
    title: { text: title },
    automargin: true,
    gridcolor: "#e6e8ee",
    zeroline: false,
    ...more,
  };
}

/** A logarithmic axis with a label at each power of ten. */
export function logAxis(title: string, more: Readonly<Record<string, unknown>> = {}) {
  return axis(title, { type: "log", dtick: 1, ...more });
}

/** White paper, room for titles, a legend above the plot. */
export function baseLayout(
  x: Readonly<Record<string, unknown>>,
  y: Readonly<Record<string, unknown>>,
  more: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  return {
    paper_bgcolor: "#ffffff",
    plot_bgcolor: "#ffffff",
    font: { family: "system-ui, sans-serif", size: 13, color: "#1f2430" },
    margin: { t: 40, r: 20, b: 64, l: 60 },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", traceorder: "normal" },
    xaxis: x,
    yaxis: y,
    height: 420,
    ...more,
  };
}
