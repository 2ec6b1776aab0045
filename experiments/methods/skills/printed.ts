/** Tables 2, 6 and 15 as methods on tasks, for rules that ask for each of them. @module */

import { measured, printedTables } from "../../../src/paper/printed/mod.ts"; // paper/mod.ts would load mathjs
import type { PrintedCase } from "../../frame/mod.ts";
import { MethodComparison, type MethodRow } from "../comparison.ts";
import { chance, noiseOf, spreadOf } from "../printed.ts";
import { lora } from "./methods.ts";
import type { SkillComparison, TaskComparison } from "./rows.ts";

/** A row of a method without seeds. */
const row = (key: string, size: string, value: number, trained = 1): MethodRow => ({
  ...{ key, label: key, family: "LoRA", size, compared: Number(trained === 1), trained, value },
});

/** Methods on one task, with the spread that the paper prints for it. */
const onTask = (
  task: string,
  rows: readonly MethodRow[],
  chosen?: string,
  noise = noiseOf([spreadOf[task] ?? 0], 1),
): TaskComparison => ({
  ...{ task, texts: 0, chosen },
  compared: new MethodComparison(rows, "highest", undefined, noise),
});

/** Nothing of what a rule does not read. */
const nothing = () => new MethodComparison([], "highest");

/** Tasks whose average no rule reads. */
const ofTasks = (tasks: readonly TaskComparison[]): SkillComparison =>
  Object.assign(nothing(), { tasks, near: nothing() });

/** Methods on the task that stands for our near one. */
export const nearly = (near: MethodComparison): SkillComparison =>
  Object.assign(nothing(), { tasks: [], near });

/** A table's rows of full fine-tuning and of what stands for LoRA, on some of its columns. */
const parCase = (
  where: string,
  table: string,
  [full, own]: readonly [full: string, own: string],
  columns: readonly (readonly [column: string, frequent: number])[],
): PrintedCase<SkillComparison> => ({
  where,
  rows: ofTasks(columns.map(([column, frequent]) => {
    const of = (name: string) => Number(measured(table, name, column));
    const rows = [row("full", "all", of(full)), row(lora, own, of(own))];
    return onTask(column, [...rows, { ...row("base", "none", frequent), family: "baseline" }], own);
  })),
});

/** Nothing of WikiSQL is right by chance, and a third of MNLI. */
const gpt3 = [["WikiSQL", 0], ["MNLI-m", 100 / 3]] as const;

/** Full fine-tuning and LoRA. */
export const quality: readonly PrintedCase<SkillComparison>[] = [
  parCase("table 15: WikiSQL, MNLI", "table15", ["FT", "LoRA, r_q = r_v = 8"], gpt3),
  ...["RoBERTa base", "RoBERTa large", "DeBERTa XXL"].map((model) =>
    parCase(`table 2: average of ${model}`, "table2", [`${model}, FT`, `${model}, LoRA`], [
      ["average", chance.frequent],
    ])
  ),
];

/** The best prefix-embedding in LoRA's place. */
export const qualityOfPrefixes = parCase("table 15: prefix-embedding in LoRA's place", "table15", [
  "FT",
  "PreEmbed, l_p = 256, l_i = 8",
], gpt3);

/** A row of table 6 at every rank, on both tasks, as q and v. */
const ranksOf = (where: string, sites: string): PrintedCase<SkillComparison> => ({
  where,
  rows: ofTasks(["WikiSQL", "MNLI"].map((task) =>
    onTask(
      task,
      printedTables.table6.columns.map((rank) => {
        const value = Number(measured("table6", `${task}, ${sites}`, rank));
        return row(`qv-${rank.slice(4)}`, rank, value, Number(rank.slice(4)));
      }),
    )
  )),
});

/** Table 6, q and v. */
export const ranksOfBoth = ranksOf("table 6: q and v", "W_q, W_v");

/** And q alone in their place. */
export const ranksOfQuery = ranksOf("table 6: q alone", "W_q");
