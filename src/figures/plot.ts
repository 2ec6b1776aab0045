/** Numbers as lines, with defaults that need no thought. @module */

import { assertOptions } from "../core/options.ts";
import { quote } from "../core/quote.ts";
import type { Figure } from "./figure.ts";
import { axis, baseLayout } from "./layout.ts";
import type { Line } from "./lines.ts";
import { colorsOf } from "./palette.ts";
import type { Axis, Trace } from "./plotly_types.ts";

/** The losses of a training, as its history has them. */
export interface LossHistory {
  /** One loss per step. */
  readonly loss: readonly number[];
  /** Losses on held-out batches, after some steps. */
  readonly heldOut?: readonly { readonly step: number; readonly loss: number }[];
}

/** What a line is drawn from: values at 1, 2, 3, …, points, or a training's history. */
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
  return { id: "plot", title, caption, data: all.map(trace), layout };
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

/** From zero up, unless a value is negative; losses, which end far above zero, as far as they reach. */
const rangeOf = (lines: readonly Line[]): Axis =>
  lines.some(({ y }) => y.some((value) => value < 0)) ? {} : { rangemode: "tozero" };

function trace({ name, x, y, color, dashed }: Line): Trace {
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
