/**
 * Figures of a trained adapter at other weights of its update, cut to a lower rank, or merged with
 * others.
 *
 * @module
 */

import { axis, baseLayout, type Figure, indexAxis, logAxis, palette } from "../figures/figure.ts";
import { bars, line, rankCurves } from "../figures/marks.ts";
import { barsAcross, dots } from "../figures/mod.ts";

/** An adapter's held-out loss at a rank. */
export interface RankLoss {
  /** Rank of each update. */
  readonly rank: number;
  /** Nats per token. */
  readonly loss: number;
}

/** An adapter's held-out loss at weights of its update. */
export interface WeightCurve {
  /** Name of the adapter. */
  readonly name: string;
  /** 0 is the base, 1 the adapter as it was trained. */
  readonly weights: readonly number[];
  /** Nats per token, one for each weight. */
  readonly losses: readonly number[];
}

/** Held-out losses over the weight c of a trained update, W + c ΔW. */
export function weightFigure(curves: readonly WeightCurve[], caption: string): Figure {
  return {
    id: "weights",
    title: "Held-out loss over the weight of a trained update",
    caption: `0 is the base, 1 the adapter as it was trained; ${caption}`,
    data: curves.map(({ name, weights, losses }, place) => {
      const color = palette.series[place % palette.series.length], mode = "lines+markers";
      return line(weights, (weight) => weight, (_, i) => losses[i], { color }, { name, mode });
    }),
    layout: baseLayout(axis("weight"), axis("held-out loss (nats per token)"), {
      height: 360,
      showlegend: true,
    }),
  };
}

/** Held-out losses over the rank: trained at it, where there are such runs, and cut to it. */
export function prefixFigure(trained: readonly RankLoss[], cut: readonly RankLoss[]): Figure {
  const points = (rows: readonly RankLoss[]) =>
    rows.map(({ rank, loss }) => ({ rank, value: loss }));
  const from = Math.max(...cut.map(({ rank }) => rank));
  return {
    id: "prefix",
    title: "Trained at a rank, or cut to it",
    caption:
      `Cut: the best approximations of each rank to the updates trained at r = ${from} (the first ` +
      "terms of the singular value decomposition), without further training.",
    ...rankCurves([
      ...(trained.length > 0 ? [{ label: "trained at this rank", measured: points(trained) }] : []),
      { label: `trained at ${from}, cut to this rank`, measured: points(cut) },
    ], axis("held-out loss (nats per token)")),
  };
}

/** The largest singular values of an update that stay at one rank, for a step of `sliderFigure`. */
export function prefixTraces(singularValues: readonly number[], rank: number): Figure["data"] {
  // Four digits are more than a bar shows, and keep the notebook small.
  const all = singularValues.map((value, i) => {
    return { place: i + 1, value: Number(value.toPrecision(4)) };
  });
  const trace = (name: string, color: string, values: typeof all) =>
    bars(values, ({ place }) => place, ({ value }) => value, { color }, { name });
  return [
    trace("kept", palette.lora[1], all.slice(0, rank)),
    trace("cut off", cutColor, all.slice(rank)),
  ];
}

/** Gray, for what is not there any more. */
const cutColor = "#c9ced8";

/** The layout of {@link prefixTraces}, the same at every rank; no value may be zero. */
export function prefixLayout(singularValues: readonly number[]): Figure["layout"] {
  const most = Math.log10(Math.max(...singularValues));
  const least = Math.log10(Math.min(...singularValues));
  return baseLayout(
    indexAxis("index i", 1, singularValues.length),
    logAxis("singular value σᵢ", { range: [least - 0.3, most + 0.2] }),
    { barmode: "overlay", bargap: 0.15, height: 260, showlegend: true },
  );
}

/** A task's held-out loss with the merged adapters, next to its two reference values. */
export interface TaskLoss {
  /** Its name. */
  readonly task: string;
  /** Nats per token, now. */
  readonly loss: number;
  /** Loss of the base. */
  readonly base: number;
  /** Loss of the base with the adapter that was trained for the task, and nothing else. */
  readonly adapted: number;
}

const taskOf = ({ task }: TaskLoss) => task;

/** A bar for each task, with two marks that stay: the base and the task's own adapter. */
export function taskLossFigure(rows: readonly TaskLoss[], caption: string): Figure {
  const marks = (name: string, loss: (row: TaskLoss) => number, color: string) =>
    dots(rows, loss, taskOf, { color, size: 26, symbol: "line-ns-open", line: { width: 3 } }, {
      name,
    });
  const most = 1.5 * Math.max(...rows.map(({ base }) => base)), color = palette.lora[0];
  return {
    id: "task-losses",
    title: "Held-out loss of each task",
    caption,
    data: [
      barsAcross(rows, ({ loss }) => loss, taskOf, { color }, { name: "now", width: 0.5 }),
      marks("the base", ({ base }) => base, palette.base),
      marks("its own adapter", ({ adapted }) => adapted, palette.lora[2]),
    ],
    layout: baseLayout(
      axis("held-out loss (nats per token)", { range: [0, most] }),
      axis("", { autorange: "reversed" }),
      { height: 300, showlegend: true },
    ),
  };
}
