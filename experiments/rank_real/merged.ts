/** What was shipped before, from another machine, beside what is there now. @module */

import type { CellLine } from "./cell_lines.ts";
import type { RealRow, RealRows } from "./rows.ts";
import type { RealRun } from "./runs.ts";
import type { ScaledRow } from "./scaling.ts";
import type { UpdateLine } from "./update_lines.ts";

/** The rows of now, and before them those of before that have no successor. */
function mergedBy<Row>(before: readonly Row[], now: readonly Row[], nameOf: (row: Row) => string) {
  const names = new Set(now.map(nameOf));
  return [...before.filter((row) => !names.has(nameOf(row))), ...now];
}

const rowName = ({ key, seed, start, steps }: RealRow) => `${key} ${seed} ${start} ${steps}`;

/** Rows of runs; what is not trained comes first. */
export function mergedRows(before: RealRows, now: RealRows): RealRows {
  const rows = mergedBy(before.rows, now.rows, rowName);
  const isUntrained = ({ family }: RealRow) => family === "baseline";
  return {
    ...now,
    rows: [...rows.filter(isUntrained), ...rows.filter((row) => !isUntrained(row))],
  };
}

/** Numbers of updates. */
export const mergedUpdates = (before: readonly UpdateLine[], now: readonly UpdateLine[]) =>
  mergedBy(before, now, ({ name, site }) => `${name} ${site}`);

/** What scaling intruders gave. */
export const mergedScaled = (before: readonly ScaledRow[], now: readonly ScaledRow[]) =>
  mergedBy(before, now, ({ key, seed, share }) => `${key} ${seed} ${share}`);

/** Cells: of two the one with more pairs. */
export function mergedCells(before: readonly CellLine[], now: readonly CellLine[]): CellLine[] {
  const nameOf = ({ cell, at, steps, space, site }: CellLine) =>
    `${cell} ${at} ${steps} ${space} ${site}`;
  const known = new Map(before.map((line) => [nameOf(line), line.pairs]));
  return mergedBy(
    before,
    now.filter((line) => line.pairs >= (known.get(nameOf(line)) ?? 0)),
    nameOf,
  );
}

/** Runs whose adapters are compared or scaled: rows alone do not stand for them. */
const compared = ["qv-1", "qv-4", "qv-8", "qv-64"];

/** Whether a shipped row makes a run unnecessary, on whatever machine it was made. */
export const isShippedRun = (rows: readonly RealRow[], run: RealRun): boolean =>
  !compared.includes(run.key) &&
  rows.some(({ key, seed, start, steps, learningRate }) =>
    key === run.key && seed === run.data && start === run.start && steps === run.steps &&
    learningRate === run.learningRate
  );
