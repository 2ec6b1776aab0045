/** The paper's tables as methods side by side, for rules to be tried on (decision 0052). @module */

import { mean } from "../../src/core/numbers.ts";
import { measured, printedTables } from "../../src/paper/printed/mod.ts"; // paper/mod.ts would load mathjs
import { printedValue } from "../../src/paper/printed_number.ts";
import { MethodComparison, type MethodRow } from "./comparison.ts";

/** A printed cell as a row: the method's key, its row in the table, and its size. */
type PrintedMethod = readonly [key: string, row: string, size?: string];

/** Two standard errors of the difference of two means of `seeds` seeds that spread by so much each. */
export const noiseOf = (spreads: readonly number[], seeds: number): number =>
  2 * Math.sqrt(2 * mean(spreads.map((spread) => spread ** 2)) / seeds);

/** The spreads of WikiSQL and MNLI over seeds (tables 5 and 6), of single runs. */
export const spreadOf: Readonly<Record<string, number>> = {
  WikiSQL: 0.5,
  MNLI: 0.1,
  "MNLI-m": 0.1,
};

/** The number that a cell prints after ±. */
function printedSpread(table: string, row: string, column: string): number[] {
  const { columns, rows } = printedTables[table];
  const [, spread] = rows[row][columns.indexOf(column)]!.split(" ± ");
  return spread === undefined ? [] : [Number(spread)];
}

/** Rows of the printed cells of one column. */
export const printedRows = (
  methods: readonly PrintedMethod[],
  valueOf: (row: string) => number,
  trainedOf: (row: string) => number,
): MethodRow[] =>
  methods.map(([key, row, size = ""], i) => {
    const compared = Number(methods.findIndex((method) => method[0] === key) === i);
    const words = { key, label: key, family: "LoRA", size, compared } as const;
    return { ...words, trained: trainedOf(row), value: valueOf(row) };
  });

const trainedIn = (table: string) => (row: string) =>
  printedValue(measured(table, row, "trained parameters"));

/** Methods by the printed accuracy, or another measure of which more is better. */
const byColumn = (
  table: string,
  column: string,
  methods: readonly PrintedMethod[],
  noise: number,
): MethodComparison => {
  const valueOf = (row: string) => Number(measured(table, row, column));
  return new MethodComparison(
    printedRows(methods, valueOf, trainedIn(table)),
    "highest",
    undefined,
    noise,
  );
};

/** A task of tables 5, 6 and 15, or all as one. */
const tasks = ["WikiSQL", "MNLI-m"] as const;

const noiseOn = (task: string) => noiseOf([spreadOf[task]], 1);

const placed: readonly PrintedMethod[] = [
  ["q-8", "W_q, r = 8"],
  ["k-8", "W_k, r = 8"],
  ["v-8", "W_v, r = 8"],
  ["o-8", "W_o, r = 8"],
  ["qk-4", "W_q, W_k, r = 4"],
  ["qv-4", "W_q, W_v, r = 4"],
  ["qkvo-2", "W_q, W_k, W_v, W_o, r = 2"],
];

/** Table 5, task by task. */
export const placements = tasks.map((task) => ({
  where: `table 5: ${task}`,
  rows: byColumn("table5", task, placed, noiseOn(task)),
}));

/** Table 5, both tasks as one: its caption says "overall". */
export const placementsOverall = {
  where: "table 5: average",
  rows: new MethodComparison(
    printedRows(
      placed,
      (row) => mean(tasks.map((task) => Number(measured("table5", row, task)))),
      trainedIn("table5"),
    ),
    "highest",
    undefined,
    // The average of two spreads by half of their root sum of squares.
    noiseOf(tasks.map((task) => spreadOf[task]), 1) / Math.SQRT2,
  ),
};

const ranked = (ranks: readonly string[]): readonly PrintedMethod[] =>
  ranks.map((rank) => [`qv-${rank.slice(4)}`, rank, rank]);

const rankOf = (rank: string) => Number(rank.slice(4));

/** A row of table 6 as wrong answers in percent, of which fewer are better, as of losses. */
const ranksOf = (printed: string, words: string) =>
  ["WikiSQL", "MNLI"].map((task) => {
    const wrong = (rank: string) => 100 - Number(measured("table6", `${task}, ${printed}`, rank));
    const rows = printedRows(ranked(printedTables.table6.columns), wrong, rankOf);
    return {
      where: `${words}: ${task}`,
      rows: new MethodComparison(rows, "lowest", undefined, noiseOn(task)),
    };
  });

/** Table 6, q and v. */
export const ranksOfBoth = ranksOf("W_q, W_v", "wrong answers of table 6");

/** And q alone in their place. */
export const ranksOfQuery = ranksOf("W_q", "those of q alone");

/** Table 18, by its loss and by each of its metrics; it prints no spread. */
export const ranksOfGpt2 = printedTables.table18.columns.map((column) => {
  const valueOf = (row: string) => Number(measured("table18", row, column));
  const rows = printedRows(ranked(Object.keys(printedTables.table18.rows)), valueOf, rankOf);
  const best = column === "validation loss" ? "lowest" : "highest";
  return {
    where: `table 18: ${column}`,
    rows: new MethodComparison(rows, best, undefined, 0),
  };
});

const sizes = (key: string, start: RegExp): PrintedMethod[] =>
  Object.keys(printedTables.table15.rows).filter((row) => start.test(row))
    .map((row) => [key, row, row]);

/** Figure 2, whose points are the rows of table 15. */
export const figure2 = tasks.map((task) => ({
  where: `table 15: ${task}`,
  rows: byColumn("table15", task, [
    ...sizes("lora-qv", /^LoRA, r_q = r_v = \d+$/),
    ...sizes("adapter-h", /^Adapter H/),
    ...sizes("prefix-embedding", /^PreEmbed/),
    ...sizes("prefix-layer", /^PreLayer/),
  ], noiseOn(task)),
}));

/** The methods of table 3 with GPT-2 medium, under the keys of our studies. */
export const onE2e: readonly PrintedMethod[] = [
  ["lora-qv", "GPT-2 M, LoRA"],
  ["full", "GPT-2 M, FT"],
  ["top-layers", "GPT-2 M, FT-Top2"],
  ["adapter-h", "GPT-2 M, Adapter H"],
  ["adapter-l", "GPT-2 M, Adapter L (11.09M)"],
  ["adapter-l", "GPT-2 M, Adapter L (0.37M)", "small"],
  ["prefix-layer", "GPT-2 M, PreLayer"],
];

/** The spreads that table 3 prints for them, of means of three seeds. */
export const noiseOnE2e = (column: string): number =>
  noiseOf(onE2e.flatMap(([, row]) => printedSpread("table3", row, column)), 3);

/** Table 3 with GPT-2 medium. */
export const bleu = {
  where: "table 3: BLEU of GPT-2 medium",
  rows: byColumn("table3", "BLEU", onE2e, noiseOnE2e("BLEU")),
};

/** Columns of table 2 with a task. */
export const glue: readonly string[] = printedTables.table2.columns.slice(1, -1);

/** The noise of an average over GLUE, whose cells print the spread of five seeds. */
export const noiseOnGlue = (methods: readonly PrintedMethod[]): number => {
  const spreads = methods.map(([, row]) =>
    glue.flatMap((task) => printedSpread("table2", row, task))
  ).filter(({ length }) => length > 0);
  return noiseOf(spreads.map((own) => Math.hypot(...own) / glue.length), 5);
};

/** GLUE's labels are not printed: at most half have the most frequent one, of the 277 texts of the smallest task. */
export const chance = { frequent: 50, texts: 277 };
