/** Panels of φ, or of φ beyond chance, side by side on one color scale. @module */

import type { Figure } from "./figure.ts";
import { colorAxis, type HeatmapScale } from "./heatmap_colors.ts";
import { axis, baseLayout } from "./layout.ts";
import type { Trace } from "./plotly_types.ts";

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
    /** Left of the row: what its panels show, or what counts down. */
    readonly label: string;
    /** Its panels. */
    readonly panels: readonly HeatmapPanel[];
  }[];
  /** Below the lowest panels. */
  readonly xTitle: string;
  /** Height of a panel in pixels. */
  readonly panelHeight: number;
  /** What the values are. Default `phi`. */
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
