/** Tables 2 and 6 as rows of the encoder study, for rules to be tried on (decision 0052). @module */

import { measured, printedTables } from "../../src/paper/printed/mod.ts"; // paper/mod.ts would load mathjs
import type { PrintedCase } from "../frame/mod.ts";
import type { StudyRow } from "./rows.ts";
import { searchedRank } from "./runs.ts";

type Rows = readonly StudyRow[];

const row = (task: string, accuracy: number, method: Partial<StudyRow>): StudyRow => {
  return {
    task,
    places: "qv",
    seed: 1,
    learningRate: 0,
    trained: 0,
    majority: 0,
    ...method,
    accuracy,
  };
};

/** Columns of table 2 with a task; correlations are 0 by chance, and of two labels one has half at most. */
const tasks = printedTables.table2.columns.slice(1, -1);
const chanceOn = (task: string) => ["CoLA", "STS-B"].includes(task) ? 0 : 50;

/** Table 2: full fine-tuning and LoRA on every task. */
export const onGlue: readonly PrintedCase<Rows>[] = ["RoBERTa base", "RoBERTa large", "DeBERTa XXL"]
  .map((model) => ({
    where: `table 2: ${model}`,
    rows: tasks.flatMap((task) => {
      const of = (method: string) => Number(measured("table2", `${model}, ${method}`, task));
      const majority = chanceOn(task);
      return [
        row(task, of("FT"), { places: "full", majority }),
        row(task, of("LoRA"), { rank: searchedRank, majority }),
      ];
    }),
  }));

/** Table 6: r = 1 and r = 8 of some matrices. */
const ranksOf = (sites: string): Rows =>
  ["WikiSQL", "MNLI"].flatMap((task) =>
    [1, searchedRank].map((rank) =>
      row(task, Number(measured("table6", `${task}, ${sites}`, `r = ${rank}`)), { rank })
    )
  );

/** q and v, of which one rank is enough. */
export const ranksOfBoth: PrintedCase<Rows> = {
  where: "table 6: q and v",
  rows: ranksOf("W_q, W_v"),
};

/** q alone, of which it is not. */
export const ranksOfQuery: PrintedCase<Rows> = {
  where: "table 6: q alone",
  rows: ranksOf("W_q"),
};
