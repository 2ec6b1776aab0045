/**
 * Plots from rows, in which the position of each mark is read from its row: lines, loss curves,
 * dots of parameter counts, curves by rank, and stacked bars of bytes by role.
 *
 * @module
 */

import { assertOptions } from "../core/checks.ts";
import { quote } from "../core/errors.ts";
import { grouped } from "../core/numbers.ts";
import {
  type Axis,
  axis,
  baseLayout,
  colorsOf,
  type Figure,
  type Layout,
  logAxis,
  logCountAxis,
  palette,
  roleColors,
  sliderFigure,
  ticksAt,
  type Trace,
} from "./figure.ts";
import { formatValue } from "./format.ts";

// Traces.

/** A position along an axis: a number or a category; null breaks a line. */
export type MarkPlace = string | number | null | undefined;

/** Reads the position of a row's mark along an axis. */
export type PlaceOf<Row> = (row: Row, index: number) => MarkPlace;

/**
 * Turns rows into a trace: the position of each row's mark along both axes, the style of all marks, and any
 * other fields of the trace.
 */
export type RowsToTrace<Style> = <Row>(
  rows: readonly Row[],
  x: PlaceOf<Row>,
  y: PlaceOf<Row>,
  style: Style,
  more?: Omit<Trace, "type">,
) => Trace;

/**
 * A mark for each row.
 *
 * @example
 * ```ts
 * import { dots } from "@lowrank/core/figures";
 *
 * const rows = [{ rank: 1, loss: 3.5 }, { rank: 4, loss: 3.3 }];
 * const trace = dots(rows, ({ rank }) => rank, ({ loss }) => loss, { size: 9 }, { name: "LoRA" });
 * console.log(trace.y); // [ 3.5, 3.3 ]
 * ```
 */
export const dots: RowsToTrace<Trace["marker"]> = (rows, x, y, marker, more): Trace => ({
  type: "scatter",
  mode: "markers",
  ...places(rows, x, y),
  marker,
  ...more,
});

/** A line through the rows. */
export const line: RowsToTrace<Trace["line"]> = (rows, x, y, line, more): Trace => ({
  type: "scatter",
  mode: "lines",
  ...places(rows, x, y),
  line,
  ...more,
});

/** A vertical bar for each row. */
export const bars: RowsToTrace<Trace["marker"]> = (rows, x, y, marker, more): Trace => ({
  type: "bar",
  ...places(rows, x, y),
  marker,
  ...more,
});

/** A horizontal bar for each row. */
export const barsAcross: RowsToTrace<Trace["marker"]> = (rows, x, y, marker, more): Trace => ({
  ...bars(rows, x, y, marker, more),
  orientation: "h",
});

/** A vertical line through the whole plot, for a layout's shapes. */
export function upright(x: number, line: Trace["line"]): Record<string, unknown> {
  return { type: "line", x0: x, x1: x, y0: 0, y1: 1, yref: "paper", line };
}

function places<Row>(
  rows: readonly Row[],
  x: PlaceOf<Row>,
  y: PlaceOf<Row>,
): Pick<Trace, "x" | "y"> {
  return { x: rows.map(x), y: rows.map(y) } as Pick<Trace, "x" | "y">;
}

// Lines.

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
    { ...across, ...(x.log ? fewTicks(new Set(places)) : wholeTicks(places)) },
    axisOf(y, lines.flatMap((line) => line.y)),
  );
}

/** Most values that have a tick each, such as ranks that double. */
const mostTicks = 8;

function fewTicks(values: ReadonlySet<number>): Axis {
  if (values.size === 0 || values.size > mostTicks) return {};
  return ticksAt([...values].sort((a, b) => a - b), (value) => formatValue(value, "number"));
}

/** A tick at each whole number of a few: no step 0.5. */
const wholeTicks = (values: readonly number[]): Axis =>
  values.every((value) => Number.isInteger(value) && Math.abs(value) <= 4) ? { dtick: 1 } : {};

/** Most decades of an axis with labels between the powers of ten. */
const mostDecades = 2.5;

/** Most labels of an axis of more decades, and the power of ten below which they are written with an exponent. */
const mostLabels = 7, shortest = -5;

/** An axis that fits all values, with a small margin; plotly's default if there are none. */
function axisOf({ title, log }: LinesAxis, values: readonly number[]): Axis {
  if (values.length === 0) return log ? logAxis(title) : axis(title);
  if (!log) {
    const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
    return axis(title, { range: low === high ? [0, 1] : [1.05 * low, 1.05 * high] });
  }
  const [low, high] = [Math.min(...values), Math.max(...values)].map(Math.log10);
  const room = 0.04 * (high - low) + 0.02;
  const each = high - low > mostDecades ? { dtick: Math.ceil((high - low) / mostLabels) } : {};
  const format = low < shortest ? { tickformat: "~g" } : {}; // 1e-8, not 0.00000001
  return logAxis(title, { range: [low - room, high + room], ...each, ...format });
}

// Loss curves.

/** The losses of a run so far. */
export interface LossCurve {
  /** Its name in the legend. */
  readonly name: string;
  /** Nats per token, one value per step. */
  readonly losses: readonly number[];
  /** Color, from the palette. */
  readonly color: string;
}

/** Caption and length of the axis. */
export interface LossCurvesOptions extends Pick<Figure, "id" | "caption"> {
  /** Steps of the whole run, so that the axis does not move during training. */
  readonly steps: number;
}

/** Draws one line per run. */
export function lossCurves(
  curves: readonly LossCurve[],
  { id, caption, steps }: LossCurvesOptions,
): Figure {
  return {
    id,
    title: "Training loss",
    caption,
    data: curves.map(({ name, losses, color }) => ({
      type: "scatter",
      mode: "lines",
      name,
      x: losses.map((_, step) => step + 1),
      y: [...losses],
      line: { color, width: 2 },
    })),
    layout: baseLayout(axis("step", { range: [0, steps + 1] }), axis("loss (nats per token)"), {
      showlegend: true,
    }),
  };
}

// Parameter counts.

/** A count of parameters, with its name and color. */
export interface ParameterCount {
  /** Name of what is counted. */
  readonly label: string;
  /** Number of parameters. */
  readonly parameters: number;
  /** Color, from the palette. */
  readonly color: string;
}

/** Dots with their numbers on a logarithmic axis: bars would have to begin at zero, which it does not have. */
export function parameterDots(
  words: Pick<Figure, "id" | "title" | "caption">,
  counts: readonly ParameterCount[],
): Figure {
  const sizes = counts.map(({ parameters }) => Math.log10(parameters));
  const low = Math.floor(Math.min(...sizes)) - 1, highest = Math.max(...sizes);
  const high = highest + 0.12 * (highest - low), middle = (low + high) / 2;
  const color = counts.map(({ color }) => color);
  return {
    ...words,
    data: [
      dots(counts, ({ parameters }) => parameters, ({ label }) => label, { color, size: 14 }, {
        mode: "markers+text",
        text: counts.map(({ parameters }) => grouped(parameters)),
        // In the middle above its dot, a number near the right edge of a narrow figure is cut.
        textposition: sizes.map((size) => size > middle ? "top left" : "top center"),
      }),
    ],
    layout: baseLayout(
      logCountAxis("parameters", { range: [low, high] }),
      axis("", { range: [counts.length - 0.5, -0.7] }),
      { height: 120 + 60 * counts.length },
    ),
  };
}

// Curves by rank.

/** A point of a curve. */
export interface RankPoint {
  /** Rank of the update. */
  readonly rank: number;
  /** The value plotted. */
  readonly value: number;
}

/** A curve of one color. */
export interface RankCurve {
  /** Name in the legend. */
  readonly label: string;
  /** One mark for each run. */
  readonly measured: readonly RankPoint[];
  /** The known answers, a line each; where there are none the marks' means are joined. */
  readonly known?: readonly (readonly RankPoint[])[];
  /** r*, marked by a vertical line. */
  readonly plantedRank?: number;
}

/** The mean of the marks at each rank, ranks rising. */
export function meansByRank(points: readonly RankPoint[]): RankPoint[] {
  const groups = [...Map.groupBy(points, ({ rank }) => rank)].sort(([a], [b]) => a - b);
  return groups.map(([rank, own]) => {
    return { rank, value: own.reduce((sum, { value }) => sum + value, 0) / own.length };
  });
}

/** Data and layout of curves over ranks that double. */
export function rankCurves(
  curves: readonly RankCurve[],
  yAxis: Axis,
  height = 380,
): Pick<Figure, "data" | "layout"> {
  const ranks = curves.flatMap(({ measured, plantedRank }) => [
    ...measured.map(({ rank }) => rank),
    ...(plantedRank === undefined ? [] : [plantedRank]),
  ]);
  const range = [
    Math.log10(Math.min(...ranks)) - 0.06,
    Math.log10(Math.max(...ranks)) + 0.06,
  ] as const;
  const ticks = ticksAt([...new Set(ranks)].sort((a, b) => a - b));
  const shapes = curves.flatMap(({ plantedRank }, place) => {
    const line = { color: colorOf(place), width: 1, dash: "dash" } as const;
    return plantedRank === undefined ? [] : [upright(plantedRank, line)];
  });
  const xAxis = axis("rank of the update", { type: "log", range, ...ticks });
  return {
    data: curves.flatMap(rankTraces),
    layout: baseLayout(xAxis, yAxis, { height, shapes }),
  };
}

const colorOf = (place: number): string => palette.series[place % palette.series.length];

const symbols = ["circle", "square", "diamond", "triangle-up", "cross"];

function rankTraces({ label, measured, known }: RankCurve, place: number): Trace[] {
  const color = colorOf(place), symbol = symbols[place % symbols.length];
  const rank = (point: RankPoint) => point.rank, value = (point: RankPoint) => point.value;
  const style = { color, width: 1.5, dash: known ? "solid" : "dot" } as const;
  const unnamed = { showlegend: false, hoverinfo: "skip" };
  return [
    ...(known ?? [meansByRank(measured)]).map((points) =>
      line(points, rank, value, style, unnamed)
    ),
    dots(measured, rank, value, { color, size: 9, symbol }, { name: label }),
  ];
}

// Bytes by role.

/** A bar: a method and its bytes. */
export interface RoleBar {
  /** Name of the method. */
  readonly label: string;
  /** Its bytes of each role, as a ledger reports them. */
  readonly byRole: Readonly<Record<string, number>>;
}

/** The axis of bytes, from 0 B to 14 TB: the unit of the labels follows the bars. */
const bytesAxis = axis("bytes", { tickformat: "~s", ticksuffix: "B" });

/** The roles that any of the bars has bytes of, in the ledger's order. */
export function usedRoles(bars: readonly RoleBar[]): string[] {
  return Object.keys(roleColors).filter((role) => bars.some(({ byRole }) => byRole[role] > 0));
}

/**
 * Traces and layout of the bars.
 *
 * @example
 * ```ts
 * import { roleBars } from "@lowrank/core/figures";
 *
 * const bars = [{ label: "LoRA", byRole: { weight: 4e6, adapter: 1e5 } }];
 * console.log(roleBars(bars, 300).data.length); // 2
 * ```
 */
export function roleBars(
  bars: readonly RoleBar[],
  height: number,
): Pick<Figure, "data" | "layout"> {
  const more = { barmode: "stack", height };
  return {
    data: usedRoles(bars).map((role) =>
      barsAcross(
        bars,
        ({ byRole }) => byRole[role],
        ({ label }) => label,
        { color: roleColors[role] },
        { name: role },
      )
    ),
    layout: baseLayout(bytesAxis, axis("", { autorange: "reversed" }), more),
  };
}

// Plots of any numbers.

/** The losses of a training, as its history has them. */
export interface LossHistory {
  /** One loss per step. */
  readonly loss: readonly number[];
  /** Losses on held-out batches, after some steps. */
  readonly heldOut?: readonly { readonly step: number; readonly loss: number }[];
}

/** Source of a line: values at 1, 2, 3, …, points, or a training's history. */
export type PlotValues = ArrayLike<number> | LossHistory | {
  /** Positions along the x axis. */
  readonly x: ArrayLike<number>;
  /** A value for each of them. */
  readonly y: ArrayLike<number>;
};

/** Words around a plot; all have defaults. */
export interface PlotWords {
  /** Default: the names of the lines, or "Training loss". */
  readonly title?: string;
  /** Default: empty. */
  readonly caption?: string;
  /** Title of the axis across. Default: "step" for histories. */
  readonly x?: string;
  /** Title of the axis up. Default: "loss (nats per token)" for histories. */
  readonly y?: string;
}

/**
 * A figure of one or more lines by name. At the end of a notebook's cell it shows itself. A line whose name
 * begins with that of a method has this method's color: LoRA is blue, full fine-tuning orange.
 *
 * @throws {TypeError} when there is no line, one is not made of numbers, or a word does not exist.
 *
 * @example One line, or several
 * ```ts
 * import { plot } from "@lowrank/core/figures";
 *
 * const y = [3, 2, 1.5], full = [3, 1, 0.5];
 * console.log(plot({ y }).data.length, plot({ full, LoRA: y }, { x: "step" }).data.length); // 1 2
 * ```
 */
export function plot(
  lines: Readonly<Record<string, PlotValues>>,
  words: PlotWords = {},
): Figure {
  assertOptions("plot", words, { title: true, caption: true, x: true, y: true });
  const named = namedValues(lines), colors = colorsOf(named.map(([name]) => name));
  const all = named.flatMap(([name, values], place) =>
    linesOf(name, values).map((line): Line => ({ ...line, color: colors[place] }))
  );
  const isLoss = named.every(([, values]) => isHistory(values));
  const names = named.map(([name]) => name).join(", ");
  const { title = isLoss ? "Training loss" : names, caption = "" } = words;
  const { x = isLoss ? "step" : "", y = isLoss ? "loss (nats per token)" : "" } = words;
  const layout = baseLayout(axis(x), axis(y, isLoss ? {} : rangeOf(all)), {
    showlegend: all.length > 1,
  });
  return { id: "plot", title, caption, data: all.map(plotTrace), layout };
}

/** `{ x, y }` is one line of points; any other record has a line under each name. */
function namedValues(lines: Readonly<Record<string, PlotValues>>): [string, PlotValues][] {
  if (typeof lines !== "object" || lines === null || isNumbers(lines) || isHistory(lines)) {
    throw new TypeError(
      `plot needs lines by name, as in plot({ y }) or plot({ LoRA: history }), found ${
        isNumbers(lines) ? "a list" : isHistory(lines) ? "a history" : quote(lines)
      }`,
    );
  }
  const { x, y, ...others } = lines;
  const isPoints = isNumbers(x) && isNumbers(y) && Object.keys(others).length === 0;
  const named: [string, PlotValues][] = isPoints ? [["y", { x, y }]] : Object.entries(lines);
  if (named.length > 0) return named;
  throw new TypeError("plot needs at least one line, found none");
}

function linesOf(name: string, values: PlotValues): Line[] {
  if (isNumbers(values)) {
    return [{ name, x: Array.from(values, (_, i) => i + 1), y: numbers(values) }];
  }
  if (isHistory(values)) return lossLines(name, values);
  const { x, y } = values ?? {};
  if (isNumbers(x) && isNumbers(y) && x.length === y.length) {
    return [{ name, x: numbers(x), y: numbers(y) }];
  }
  throw new TypeError(
    `plot needs numbers, points { x, y } of one length, or a history as ${quote(name)}, found ${
      quote(values)
    }`,
  );
}

function lossLines(name: string, { loss, heldOut = [] }: LossHistory): Line[] {
  const line = { name, x: loss.map((_, step) => step + 1), y: [...loss] };
  if (heldOut.length === 0) return [line];
  const points = { x: heldOut.map(({ step }) => step), y: heldOut.map(({ loss }) => loss) };
  return [line, { name: `${name}, held out`, ...points, dashed: true }];
}

function isNumbers(values: unknown): values is ArrayLike<number> {
  const list = values as ArrayLike<unknown>;
  return (Array.isArray(values) || ArrayBuffer.isView(values)) &&
    Array.from(list).every((value) => typeof value === "number");
}

const numbers = (values: ArrayLike<number>) => Array.from(values);

const isHistory = (values: unknown): values is LossHistory =>
  typeof values === "object" && values !== null && "loss" in values && isNumbers(values.loss);

/**
 * The range of the axis: from zero up, unless a value is negative; for losses, which end far above
 * zero, as far as they reach.
 */
const rangeOf = (lines: readonly Line[]): Axis =>
  lines.some(({ y }) => y.some((value) => value < 0)) ? {} : { rangemode: "tozero" };

function plotTrace({ name, x, y, color, dashed }: Line): Trace {
  return {
    type: "scatter",
    mode: x.length <= 24 ? "lines+markers" : "lines",
    name,
    x,
    // More digits than a plot shows would make a notebook large.
    y: y.map((value) => Number(value.toPrecision(6))),
    line: {
      color,
      ...dashed && { dash: "dash", width: 1.5 },
    },
  };
}
