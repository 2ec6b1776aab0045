/** Line plots, such as a loss by rank. @module */

import type { Figure } from "./figure.ts";
import { formatValue } from "./format.ts";
import { axis, baseLayout, logAxis } from "./layout.ts";
import { colorsOf } from "./palette.ts";
import type { Axis, Layout, Trace } from "./plotly_types.ts";
import { sliderFigure } from "./slider_figure.ts";

/** One line. */
export interface Line {
  /** Its name in the legend; a single line needs none. */
  readonly name?: string;
  /** Positions along the x axis. */
  readonly x: readonly number[];
  /** A value for each of them. */
  readonly y: readonly number[];
  /** Color. Default: that of the method that the name begins with, or the next of the palette's series. */
  readonly color?: string;
  /** Dashed, for theory, chance and quoted values. Default false. */
  readonly dashed?: boolean;
}

/** The title of an axis, and whether it is logarithmic. */
export interface LinesAxis {
  /** Title with the unit. */
  readonly title: string;
  /** Logarithmic; otherwise the axis has zero on it. Default false. */
  readonly log?: boolean;
}

/** The title, caption and axes of a line plot. */
export interface LinesWords extends Pick<Figure, "id" | "title" | "caption"> {
  /** Across. */
  readonly x: LinesAxis;
  /** Up. */
  readonly y: LinesAxis;
}

/**
 * Draws lines; those of few points have markers.
 *
 * @example
 * ```ts
 * import { linesFigure } from "@lowrank/core/figures";
 *
 * const words = { id: "loss", title: "Loss", caption: "seed 1" };
 * const axes = { x: { title: "step" }, y: { title: "nats" } };
 * console.log(linesFigure({ ...words, ...axes }, [{ x: [1, 2], y: [3, 2.5] }]).data.length); // 1
 * ```
 */
export function linesFigure({ x, y, ...words }: LinesWords, lines: readonly Line[]): Figure {
  return { ...words, data: tracesOf(lines), layout: layoutOf(x, y, lines) };
}

/** The lines at one position of a slider. */
export interface LinesStep {
  /** The state. */
  readonly label: string;
  /** The same number of lines at every position. */
  readonly lines: readonly Line[];
}

/** Lines that change with a slider, on axes that fit all of its positions; it needs no kernel. */
export function linesSlider(
  { x, y, ...words }: LinesWords & { readonly name: string },
  steps: readonly LinesStep[],
): Figure {
  return sliderFigure({
    ...words,
    steps: steps.map(({ label, lines }) => ({ label, data: tracesOf(lines) })),
    layout: layoutOf(x, y, steps.flatMap(({ lines }) => lines)),
  });
}

function tracesOf(lines: readonly Line[]): Trace[] {
  const colors = colorsOf(lines.map(({ name = "" }) => name));
  return lines.map((line, place) => trace({ ...line, color: line.color ?? colors[place] }));
}

function trace({ name, x, y, color, dashed }: Line): Trace {
  return {
    type: "scatter",
    mode: x.length <= 24 && !dashed ? "lines+markers" : "lines",
    ...(name !== undefined && { name }),
    x,
    y,
    line: {
      color,
      ...(dashed && { dash: "dash", width: 1.5 }),
    },
  };
}

function layoutOf(x: LinesAxis, y: LinesAxis, lines: readonly Line[]): Layout {
  const places = lines.flatMap((line) => line.x), across = axisOf(x, places);
  return baseLayout(
    x.log ? { ...across, ...ticksAt(new Set(places)) } : across,
    axisOf(y, lines.flatMap((line) => line.y)),
  );
}

/** Most values that have a tick each, such as ranks that double. */
const mostTicks = 8;

function ticksAt(values: ReadonlySet<number>): Axis {
  if (values.size === 0 || values.size > mostTicks) return {};
  const tickvals = [...values].sort((a, b) => a - b);
  return { tickvals, ticktext: tickvals.map((value) => formatValue(value, "number")) };
}

/** Of more than these, each has one label. */
const mostDecades = 2.5;

/** An axis that fits all values, with a small margin; plotly's default if there are none. */
function axisOf({ title, log }: LinesAxis, values: readonly number[]): Axis {
  if (values.length === 0) return log ? logAxis(title) : axis(title);
  if (!log) {
    return axis(title, { range: [1.05 * Math.min(0, ...values), 1.05 * Math.max(0, ...values)] });
  }
  const [low, high] = [Math.min(...values), Math.max(...values)].map(Math.log10);
  const room = 0.04 * (high - low) + 0.02;
  const each = high - low > mostDecades ? { dtick: 1 } : {};
  return logAxis(title, { range: [low - room, high + room], ...each });
}
