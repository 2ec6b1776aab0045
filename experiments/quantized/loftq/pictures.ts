/** Table and figure of `loftq`. @module */

import { mean } from "../../../src/core/numbers.ts";
import {
  type Column,
  type DataTable,
  type Figure,
  type Line,
  linesSlider,
  type LinesStep,
  palette,
  table,
} from "../../../src/figures/mod.ts";
import { belowChance, ofKind } from "./claims.ts";
import { iterations, type LoftqRow, ranks } from "./rows.ts";

/** Every matrix at every rank. */
export const loftqTable = (rows: readonly LoftqRow[]): DataTable =>
  table<LoftqRow>({
    id: "loftq",
    title: "‖W − Q − BA‖ / ‖W‖ (%), by T",
    columns: [
      ["matrix", "matrix", "text"],
      ["shape", "rows x columns", "text", ({ shape }) => shape.join(" x ")],
      ["rank", "r", "count"],
      ...iterations.map((iteration): Column<LoftqRow> => {
        const label = `T = ${iteration}`;
        return [label, label, "percent", ({ errors }) => 100 * errors[iteration]];
      }),
      ["chance", "chance of T = 1", "percent", ({ chance }) => 100 * chance],
      ["below", "T = 1 below chance (%)", "percent", (row) => 100 * belowChance(row)],
    ],
    rows,
  });

/** Errors over the rank: a step of the slider for each matrix, after the mean over the base's. */
export function loftqFigure(rows: readonly LoftqRow[]): Figure {
  const base = ofKind(rows, "base"), byMatrix = Map.groupBy(rows, ({ matrix }) => matrix);
  const steps: LinesStep[] = [
    { label: "mean over those of tiny-gpt2", lines: linesOf(base) },
    ...Array.from(byMatrix, ([label, own]) => ({ label, lines: linesOf(own) })),
  ];
  return linesSlider({
    id: "loftq-errors",
    title: "How close Q + BA comes to W, by rank and iteration",
    caption:
      "NF4, blocks of 64, scales in 8 bits. T = 0: quantized, without an update. Dashed, chance: as T = 1, if what " +
      "quantizing leaves were normal noise of its norm (seeds {seeds}).",
    x: { title: "rank r", log: true },
    y: { title: "‖W − Q − BA‖ / ‖W‖ (%)", log: true },
    name: "matrix",
  }, steps);
}

/** One line for every T, and chance in the color of T = 1, which it is to be compared with. */
function linesOf(rows: readonly LoftqRow[]): Line[] {
  const lineOf = (name: string, color: string, valueOf: (row: LoftqRow) => number): Line => ({
    ...{ name, color, x: ranks },
    y: ranks.map((wanted) => 100 * mean(rows.filter(({ rank }) => rank === wanted).map(valueOf))),
  });
  const lines = iterations.map((iteration, i) => {
    const color = i === 0 ? palette.base : palette.series[i - 1];
    return lineOf(`T = ${iteration}`, color, ({ errors }) => errors[iteration]);
  });
  const chance = lineOf("chance", palette.series[0], ({ chance }) => chance);
  return [...lines, { ...chance, dashed: true }];
}
