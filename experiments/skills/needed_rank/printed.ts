/** Tables 2 and 6 as rows of the map, for its rules to be tried on (decision 0052). @module */

import { measured, printedTables } from "../../../src/paper/printed/mod.ts"; // paper/mod.ts would load mathjs
import type { PrintedCase } from "../../frame/mod.ts";
import { skillSteps } from "../runs.ts";
import { language } from "./needs.ts";
import type { MapRow, MapRows } from "./rows.ts";

/** A share of right answers, of a task that is near for the paper's base. */
const row = (task: string, right: string, method: Pick<MapRow, "line" | "rank">): MapRow => ({
  ...{ task, level: 1, base: "trained", steps: skillSteps, seed: 1, learningRate: 0, trained: 0 },
  ...{ ...method, right: Number(right), before: 0, loss: 0, texts: 600 },
});

/** Both tasks of Table 6: all ranks of some matrices, beside full fine-tuning of Table 4. */
const ranksOf = (sites: string): MapRows => ({
  mapDirections: [],
  mapRuns: [["WikiSQL", "WikiSQL"], ["MNLI", "MNLI-m"]].flatMap(([task, name]) => [
    row(task, measured("table4", "FT", name), { line: "full" }),
    ...printedTables.table6.columns.map((column) => {
      const rank = Number(column.replace("r = ", ""));
      return row(task, measured("table6", `${task}, ${sites}`, column), { line: "qv", rank });
    }),
  ]),
});

/** q and v, of which one rank is enough. */
export const rankOne: PrintedCase<MapRows> = {
  where: "table 6: q and v",
  rows: ranksOf("W_q, W_v"),
};

/** q alone, of which it is not. */
export const rankOneOfQuery: PrintedCase<MapRows> = {
  where: "table 6: q alone",
  rows: ranksOf("W_q"),
};

/** WikiSQL of q and v, as if it were a language of its own: one rank is enough there. */
export const rankOneOfLanguage: PrintedCase<MapRows> = {
  where: "table 6: q and v",
  rows: {
    mapDirections: [],
    mapRuns: rankOne.rows.mapRuns.filter(({ task }) => task === "WikiSQL")
      .map((row) => ({ ...row, task: language })),
  },
};

/** Table 2: full fine-tuning and LoRA on every task. */
export const onAPar: readonly PrintedCase<MapRows>[] = [
  "RoBERTa base",
  "RoBERTa large",
  "DeBERTa XXL",
]
  .map((model) => ({
    where: `table 2: ${model}`,
    rows: {
      mapDirections: [],
      mapRuns: printedTables.table2.columns.slice(1, -1).flatMap((task) => [
        row(task, measured("table2", `${model}, FT`, task), { line: "full" }),
        row(task, measured("table2", `${model}, LoRA`, task), { line: "qv", rank: 8 }),
      ]),
    },
  }));
