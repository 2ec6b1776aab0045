/** Three tasks of the map trained by PyTorch and PEFT as well: the trainings, and the rule for the same shares. @module */

import { mean } from "../../../src/core/numbers.ts";
import { type DataTable, table } from "../../../src/figures/mod.ts";
import { signed } from "../../differences.ts";
import { skillSteps } from "../runs.ts";
import { taskNamed } from "../tasks.ts";
import trained from "./peft.json" with { type: "json" };
import { type MapRow, type MapRows, pointsNoise } from "./rows.ts";
import { type Arm, type Cell, lineNames } from "./runs.ts";

const near: readonly Arm[] = [
  { line: "qv", rank: 1 },
  { line: "qv", rank: 8 },
  { line: "all", rank: 1 },
  { line: "full" },
];

/** The cells that both programs train: tasks of the first, the third and the last distance. */
export const peftCells: readonly Cell[] = Object.entries({
  "reverse, new word": near,
  "reverse, then upper case": near,
  "random alphabet": [{ line: "qv", rank: 4 } as const, ...near],
}).flatMap(([name, arms]) => arms.map((arm) => ({ task: taskNamed(name), arm })));

/** The repeats of each program: no seed is both's. */
export const repeatsOf = { ours: [1, 2, 3], peft: [11, 12, 13] } as const;

/** A run of a cell, by either program. */
export type PeftRow = Pick<
  MapRow,
  | "task"
  | "line"
  | "rank"
  | "base"
  | "steps"
  | "seed"
  | "learningRate"
  | "trained"
  | "right"
  | "loss"
  | "texts"
>;

/** A cell as both programs found it; shares in percent. */
export interface PeftPair extends Cell {
  /** The mean of ours. */
  readonly ours: number;
  /** The mean of PyTorch's. */
  readonly peft: number;
  /** Two standard errors of the difference, in points. */
  readonly noise: number;
}

/** The rows of a cell. */
export const rowsOf = <Row extends PeftRow>({ task, arm }: Cell, rows: readonly Row[]): Row[] =>
  rows.filter((row) =>
    row.task === task.name && row.line === arm.line && row.rank === arm.rank &&
    row.base === "trained" && row.steps === skillSteps
  );

/** Every cell of which both have several seeds. */
export const pairsOf = (ours: readonly PeftRow[], peft: readonly PeftRow[]): PeftPair[] =>
  peftCells.flatMap((cell) => {
    const own = rowsOf(cell, ours), theirs = rowsOf(cell, peft);
    return Math.min(own.length, theirs.length) < 2
      ? []
      : [{ ...cell, ...comparedShares(own, theirs) }];
  });

/** The means of both programs' shares, beside the noise of their difference. */
export function comparedShares(
  ours: readonly PeftRow[],
  peft: readonly PeftRow[],
): Omit<PeftPair, keyof Cell> {
  const [one, other] = [ours, peft].map((rows) => mean(rows.map(({ right }) => right)));
  return { ours: one, peft: other, noise: pointsNoise(ours, peft) };
}

/** The programs' difference in units of two standard errors. */
const timesNoise = ({ ours, peft, noise }: Pick<PeftPair, "ours" | "peft" | "noise">): number =>
  Math.abs(ours - peft) / noise;

/** True of two shares that differ by more than two standard errors. */
export const areApart = (shares: Pick<PeftPair, "ours" | "peft" | "noise">): boolean =>
  timesNoise(shares) > 1;

/** Most cells that may be apart: equal programs have more in at most 6 of 100 cases (decision 0059). */
const mostApart = 3;

/** Most times two standard errors that a cell may be apart. */
const farthest = 3;

/** True where both programs give the same shares, all cells together. */
export const haveSameShares = (pairs: readonly PeftPair[]): boolean =>
  pairs.filter(areApart).length <= mostApart &&
  pairs.every((pair) => timesNoise(pair) <= farthest);

/** The runs of PyTorch and PEFT, which no job makes. */
export const peftRows = trained.rows as readonly PeftRow[];

/** `99.8, 100.0, 100.0`. */
const eachSeed = (rows: readonly PeftRow[]) => (cell: Cell): string =>
  rowsOf(cell, rows).map(({ right }) => right.toFixed(1)).join(", ");

/** Ours and PyTorch's, which are quoted, beside each other. */
export const peftTable = ({ mapRuns }: MapRows): DataTable =>
  table<PeftPair>({
    id: "needed-rank-peft",
    title: "Right answers of three tasks, trained here and by PyTorch and PEFT",
    quoted: `PyTorch's: ${trained.source}`,
    columns: [
      ["task", "task", "text", ({ task }) => task.name],
      ["line", "trained", "text", ({ arm }) => lineNames[arm.line]],
      ["rank", "r", "count", ({ arm }) => arm.rank],
      ["ours", "ours (%)", "percent"],
      ["oursEach", "each seed", "text", eachSeed(mapRuns)],
      ["peft", "PyTorch (%)", "percent"],
      ["peftEach", "each seed of others", "text", eachSeed(peftRows)],
      ["difference", "PyTorch minus ours (points)", "text", ({ ours, peft }) =>
        signed(peft - ours, 2)],
      ["noise", "two standard errors (points)", "number"],
    ],
    rows: pairsOf(mapRuns, peftRows),
  });
