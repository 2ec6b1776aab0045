/** Panels of φ, or of φ beyond chance, side by side on one color scale. @module */

import { largestOf } from "../core/numbers.ts";
import { axis, baseLayout, type Figure, type Trace } from "./figure.ts";

// Panels.

/**
 * The first index counts down, the second to the right, both from 1. If an axis has more than 40 cells, only
 * every second, fourth, … is drawn, beginning with the first.
 */
export type HeatmapPanel = readonly (readonly number[])[];

/** Rows of panels, and what their axes count. */
export interface HeatmapGrid {
  /** Above each column. */
  readonly columns: readonly string[];
  /** Each with a panel for every column. */
  readonly rows: readonly {
    /** Label left of the row: the subject of its panels, or the quantity of the axis downward. */
    readonly label: string;
    /** Its panels. */
    readonly panels: readonly HeatmapPanel[];
  }[];
  /** Below the lowest panels. */
  readonly xTitle: string;
  /** Height of a panel in pixels. */
  readonly panelHeight: number;
  /** Quantity that the colors show. Default `phi`. */
  readonly scale?: HeatmapScale;
}

type Interval = readonly [start: number, end: number];

/** Between panels: a share of the width, and pixels. */
const gapAcross = 0.025, gapDown = 18;

/** Data and layout of a grid of panels. */
export function heatmaps(
  { columns, rows, xTitle, panelHeight, scale = "phi" }: HeatmapGrid,
): Pick<Figure, "data" | "layout"> {
  const height = rows.length * (panelHeight + gapDown) - gapDown;
  const across = columns.map((_, x) => interval(x, columns.length, gapAcross));
  const down = rows.map((_, y) => interval(rows.length - 1 - y, rows.length, gapDown / height));
  const places = rows.flatMap(({ label, panels }, y) =>
    panels.map((values, x) => {
      const id = y * columns.length + x + 1, lowest = y === rows.length - 1;
      return { id, values, x, y, xTitle: lowest ? xTitle : "", yTitle: x === 0 ? label : "" };
    })
  );
  const axes = places.flatMap(({ id, values, x, y, xTitle, yTitle }) => {
    const rising = {
      ...panelAxis(xTitle, across[x], `y${suffix(id)}`),
      ...ticks(values[0].length),
    };
    const falling = {
      ...panelAxis(yTitle, down[y], `x${suffix(id)}`),
      ...ticks(values.length),
    };
    falling.range.reverse();
    return [[`xaxis${suffix(id)}`, rising], [`yaxis${suffix(id)}`, falling]];
  });
  return {
    data: places.map(({ id, values, x, y }) =>
      trace(`${columns[x]}, ${rows[y].label}`, values, id)
    ),
    layout: baseLayout({}, {}, {
      ...Object.fromEntries(axes),
      annotations: columns.map((text, x) => heading(text, across[x])),
      coloraxis: colorAxis(scale, rows.flatMap(({ panels }) => panels.flat(2)), height),
      height: height + margin.t + margin.b,
      margin,
    }),
  };
}

const margin = { t: 30, r: 10, b: 54, l: 56 };

/** Plotly's first axis has no number. */
const suffix = (id: number): string => id === 1 ? "" : String(id);

function trace(name: string, values: HeatmapPanel, id: number): Trace {
  const down = stepOf(values), across = stepOf(values[0]);
  return {
    type: "heatmap",
    // Three digits are more than colors can show, and keep the page small.
    z: everyNth(values, down).map((row) =>
      everyNth(row, across).map((value) => Math.round(1000 * value) / 1000)
    ),
    ...{ x0: 1, dx: across, y0: 1, dy: down },
    coloraxis: "coloraxis",
    xaxis: `x${suffix(id)}`,
    yaxis: `y${suffix(id)}`,
    hovertemplate: `${name}<br>i = %{y}, j = %{x}: %{z}<extra></extra>`,
  };
}

/** Most cells along an axis: more would be under three pixels wide, and a notebook stores every value twice. */
const mostCells = 40;

const stepOf = ({ length }: readonly unknown[]): number => doubledUntil(length, mostCells);

const everyNth = <T>(all: readonly T[], step: number): T[] => all.filter((_, i) => i % step === 0);

/** The range of the n-th of several equal parts of [0, 1]. */
function interval(place: number, count: number, gap: number): Interval {
  const size = (1 - gap * (count - 1)) / count, start = place * (size + gap);
  return [start, Math.min(1, start + size)];
}

/** Ticks at cells, as many as fit: 1, 9, 17, … */
function ticks(count: number) {
  const step = doubledUntil(count, mostCells);
  const range = [1 - step / 2, 1 + (Math.ceil(count / step) - 0.5) * step];
  return { tick0: 1, dtick: doubledUntil(count, 6), range };
}

/** 1, 2, 4, …: the first that divides a count into at most so many parts. */
function doubledUntil(count: number, most: number): number {
  let step = 1;
  while (count > step * most) step *= 2;
  return step;
}

/** Only the outermost panels, which have titles, have ticks and labels. */
function panelAxis(title: string, domain: Interval, anchor: string) {
  const isOuter = title !== "", ticks = isOuter ? "outside" : "";
  const more = { domain, anchor, showgrid: false, showticklabels: isOuter, ticks };
  return axis("", { ...more, title: { text: title, font: { size: 12 } } });
}

function heading(text: string, [start, end]: Interval) {
  const place = { x: (start + end) / 2, y: 1, xref: "paper", yref: "paper" };
  return {
    text,
    ...place,
    xanchor: "center",
    yanchor: "bottom",
    showarrow: false,
    font: { size: 12 },
  };
}

// Colors.

/**
 * `phi`: values from 0 to 1, with most of the colors for the small ones. `beyond chance`: φ minus its value
 * by chance, which is white, with as much color as the largest needs.
 */
export type HeatmapScale = "phi" | "beyond chance";

/** The color axis for values of all panels, which are together so many pixels high. */
function colorAxis(
  scale: HeatmapScale,
  values: readonly number[],
  height: number,
): Readonly<Record<string, unknown>> {
  return scale === "phi" ? phiAxis(height) : beyondChanceAxis(roundedUp(largestOf(values)));
}

/** Least height of a color bar: on a lower one, the labels of 0 and 0.15 would touch. */
const leastHeight = 200;

const thickness = 12;

/** White for 0 (nothing in common), dark for 1 (everything): 0.03 and 0.14 must look different. */
const phiAxis = (height: number) => ({
  cmin: 0,
  cmax: 1,
  colorscale: [
    [0, "#ffffff"],
    [0.05, "#dcedf9"],
    [0.15, "#a6d4f2"],
    [0.3, "#56b4e9"],
    [0.6, "#0072b2"],
    [1, "#00263f"],
  ],
  colorbar: {
    title: { text: "φ" },
    thickness,
    tickvals: height < leastHeight ? [0, 0.3, 0.6, 1] : [0, 0.15, 0.3, 0.6, 1],
  },
});

/** Orange below chance, white at it, blue above. */
const signedColors = [
  [0, "#8a3d00"],
  [0.25, "#e89a5b"],
  [0.5, "#ffffff"],
  [0.75, "#56b4e9"],
  [1, "#00446b"],
];

function beyondChanceAxis(most: number): Record<string, unknown> {
  const tickvals = [-most, -most / 2, 0, most / 2, most];
  const ticktext = tickvals.map((value) => value === 0 ? "chance" : signed(value));
  const colorbar = { title: { text: "φ − chance" }, thickness, tickvals, ticktext };
  return { cmin: -most, cmax: most, colorscale: signedColors, colorbar };
}

/** The next number whose half is short, too. */
const roundedUp = (most: number): number =>
  [0.1, 0.2, 0.4, 0.6, 0.8].find((end) => most <= end) ?? 1;

const signed = (value: number): string => `${value > 0 ? "+" : "−"}${Math.abs(value)}`;
