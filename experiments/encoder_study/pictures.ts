/** The figure and the tables of the encoder study. @module */

import { fromTo } from "../../src/core/numbers.ts";
import { axis, baseLayout, dots, line, logCountAxis, palette } from "../../src/figures/mod.ts";
import { type DataTable, type Figure, table, type Trace } from "../../src/figures/mod.ts";
import { noiseIn, parPoints, signed } from "../differences.ts";
import { cellOf, compareCells, type StudyRow, taskResults } from "./rows.ts";
import type { StudyCell, TaskResult } from "./rows.ts";
import { methodName, placeNames } from "./runs.ts";

type Rows = readonly StudyRow[];

/** The means of each method on each task, with what guessing gets. */
export function meansTable(rows: Rows): DataTable {
  const results = taskResults(rows);
  const lines = results.flatMap((result) => [
    { task: result.task, method: "most frequent label", accuracy: result.majority },
    ...result.cells.map((cell) => meansOf(result, cell)),
  ]);
  return table<MeansRow>({
    id: "encoder-study-means",
    title: "Accuracy on the reported texts, means over the seeds",
    columns: [
      ["task", "task", "text"],
      ["method", "method", "text"],
      ["trained", "trained values", "count"],
      ["rate", "rate", "text"],
      ["accuracy", "accuracy", "percent"],
      ["seeds", "of the seeds (%)", "text"],
      ["points", "minus full (points)", "text"],
      ["noise", "noise floor (points)", "text"],
    ],
    rows: lines,
  });
}

/** A line of the table of means. */
interface MeansRow {
  readonly task: string;
  readonly method: string;
  readonly accuracy: number;
  readonly trained?: number;
  readonly rate?: string;
  readonly seeds?: string;
  readonly points?: string;
  readonly noise?: string;
}

function meansOf(result: TaskResult, cell: StudyCell): MeansRow {
  const { trained, learningRate } = cell.runs[0], full = cellOf(result, "full");
  const { points, noise } = compareCells(result, cell, full);
  return {
    ...{ task: result.task, method: methodName(cell.places, cell.rank), trained },
    ...{ rate: learningRate.toExponential(), accuracy: cell.accuracy },
    seeds: fromTo(cell.runs.map(({ accuracy }) => accuracy), 1),
    ...cell !== full && { points: signed(points), noise: noiseIn(noise) },
  };
}

/** Every run. */
export const runsTable = (rows: Rows): DataTable =>
  table<StudyRow>({
    id: "encoder-study",
    title: "Every reported run",
    columns: [
      ["task", "task", "text"],
      ["places", "adapted", "text"],
      ["rank", "rank", "count"],
      ["seed", "seed", "count"],
      ["learningRate", "rate", "number"],
      ["trained", "trained values", "count"],
      ["accuracy", "accuracy", "percent"],
      ["majority", "most frequent label", "percent"],
    ],
    rows,
  });

const styles = {
  qv: { color: palette.lora[0], symbol: "circle" },
  all: { color: palette.lora[2], symbol: "square" },
  full: { color: palette.full, symbol: "diamond" },
} as const;

/** Accuracy against trained values, a panel for each task below the other. */
export function accuracyFigure(rows: Rows): Figure {
  const results = taskResults(rows), height = 1 / results.length, gap = 0.14 * height;
  const panels = results.map(({ task }, place) => {
    const isLast = place === results.length - 1, top = 1 - place * height;
    const domain = [top - height + (isLast ? 0 : gap), top] as const;
    return [axisName(place, "yaxis"), axis(`${task}, accuracy (%)`, { domain })];
  });
  const layout = baseLayout(
    logCountAxis("trained values", { anchor: axisName(results.length - 1, "y") }),
    axis(""),
    { ...Object.fromEntries(panels), height: 120 + 210 * results.length },
  );
  return {
    id: "encoder-study",
    title: "Accuracy against trained values",
    caption:
      `A mark for each seed ({seeds}), lines through the means. Dotted: ${parPoints} points below full ` +
      "fine-tuning's mean, the mark of the rule.",
    data: results.flatMap(panelOf),
    layout,
  };
}

const axisName = (place: number, name: "y" | "yaxis") => place === 0 ? name : `${name}${place + 1}`;

function panelOf(result: TaskResult, place: number): Trace[] {
  const yaxis = axisName(place, "y"), quiet = { yaxis, showlegend: false, hoverinfo: "skip" };
  const values = result.cells.flatMap(({ runs }) => runs.map(({ trained }) => trained));
  const ends = [Math.min(...values), Math.max(...values)];
  const mark = cellOf(result, "full").accuracy - parPoints;
  const dotted = { color: palette.base, width: 1.5, dash: "dot" } as const;
  const methods = Object.entries(styles).flatMap(([places, style]): Trace[] => {
    const cells = result.cells.filter((cell) => cell.places === places);
    const runs = cells.flatMap((cell) => cell.runs), name = placeNames[places as "full"];
    const trained = ({ trained }: StudyRow) => trained;
    return [
      line(cells, ({ runs }) => trained(runs[0]), ({ accuracy }) => accuracy, {
        color: style.color,
        width: 1.5,
      }, quiet),
      dots(runs, trained, ({ accuracy }) => accuracy, { ...style, size: 9 }, {
        ...{ name, yaxis, legendgroup: places, showlegend: place === 0 },
      }),
    ];
  });
  return [line(ends, (end) => end, () => mark, dotted, quiet), ...methods];
}
