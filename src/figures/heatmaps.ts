/** Panels of values from 0 to 1 side by side, all in one scale of colour. @module */

import type { Figure } from "./figure.ts";
import { axis, baseLayout } from "./layout.ts";

/** One panel. */
export interface HeatmapPanel {
  /** Above it. */
  readonly title: string;
  /** Values from 0 to 1; the first index goes down, the second to the right, both from 1 on. */
  readonly values: readonly (readonly number[])[];
}

/** Rows of panels with what their axes count. */
export interface HeatmapGrid {
  /** Panels row by row; every row has as many. */
  readonly rows: readonly (readonly HeatmapPanel[])[];
  /** Below the lowest panels. */
  readonly xTitle: string;
  /** Left of the first panels. */
  readonly yTitle: string;
  /** Height of a panel in pixels. */
  readonly panelHeight: number;
}

/** Shares of the plot between panels. */
const gapAcross = 0.025, pixelsBetween = 44;

/** Data and layout of a grid of panels. */
export function heatmaps(grid: HeatmapGrid): Pick<Figure, "data" | "layout"> {
  const { rows, panelHeight } = grid, columns = rows[0].length;
  const plotHeight = rows.length * (panelHeight + pixelsBetween);
  const places = rows.flatMap((row, y) => row.map((panel, x) => ({ panel, x, y })));
  const ends = places.map(({ x, y }) => ({
    x: interval(x, columns, gapAcross),
    y: interval(rows.length - 1 - y, rows.length, pixelsBetween / plotHeight),
  }));
  const axes = places.flatMap(({ x, y }, i) => {
    const low = y === rows.length - 1, first = x === 0, id = i + 1;
    return [
      [`xaxis${id}`, panelAxis(low ? grid.xTitle : "", low, ends[i].x, `y${id}`)],
      [`yaxis${id}`, {
        ...panelAxis(first ? grid.yTitle : "", first, ends[i].y, `x${id}`),
        autorange: "reversed",
      }],
    ];
  });
  return {
    data: places.map(({ panel }, i) => trace(panel, i + 1)),
    layout: baseLayout({}, {}, {
      ...Object.fromEntries(axes),
      annotations: places.map(({ panel }, i) => heading(panel.title, ends[i])),
      coloraxis: {
        cmin: 0,
        cmax: 1,
        colorscale,
        colorbar: { title: { text: "φ" }, thickness: 12 },
      },
      height: plotHeight + 80,
      margin: { t: 30, r: 20, b: 50, l: 60 },
    }),
  };
}

/** White for nothing in common, dark for all. */
const colorscale = [[0, "#ffffff"], [0.25, "#c6e2f4"], [0.5, "#56b4e9"], [0.75, "#0072b2"], [
  1,
  "#00263f",
]];

function trace({ title, values }: HeatmapPanel, id: number) {
  return {
    type: "heatmap",
    // Three digits are more than colours show, and keep the page small.
    z: values.map((row) => row.map((value) => Math.round(1000 * value) / 1000)),
    x0: 1,
    y0: 1,
    coloraxis: "coloraxis",
    xaxis: `x${id}`,
    yaxis: `y${id}`,
    hovertemplate: `${title}<br>i = %{y}, j = %{x}: %{z}<extra></extra>`,
  };
}

/** Where the n-th of so many parts of [0, 1] lies. */
function interval(place: number, count: number, gap: number): [number, number] {
  const size = (1 - gap * (count - 1)) / count, start = place * (size + gap);
  return [start, Math.min(1, start + size)];
}

function panelAxis(title: string, labelled: boolean, domain: [number, number], anchor: string) {
  return axis(title, { domain, anchor, showgrid: false, showticklabels: labelled, nticks: 6 });
}

function heading(text: string, { x, y }: { x: [number, number]; y: [number, number] }) {
  const place = { x: (x[0] + x[1]) / 2, y: y[1], xref: "paper", yref: "paper" };
  return { text, ...place, yanchor: "bottom", showarrow: false, font: { size: 12 } };
}
