/** The map's claims of the paper, and the paper's numbers as rows of the map to try them on (experiments/skills/needed_rank/rules.md). @module */

import said from "../../../src/paper/printed/claims.json" with { type: "json" };
import { measured, printedTables } from "../../../src/paper/printed/mod.ts"; // paper/mod.ts would load mathjs
import { parPoints, rounding, signed } from "../../differences.ts";
import type { Claim, PrintedCase } from "../../frame/mod.ts";
import { skillSteps } from "../runs.ts";
import {
  each,
  enoughPoints,
  isNear,
  language,
  marginOf,
  meanOf,
  on,
  pointsBetween,
  ranksOf,
  rightText,
  tasksAt,
} from "./needs.ts";
import type { MapRow, MapRows } from "./rows.ts";

/** A share of right answers, of a task that is near for the paper's base. */
const row = (task: string, right: string, method: Pick<MapRow, "line" | "rank">): MapRow => ({
  ...{ task, level: 1, base: "trained", steps: skillSteps, seed: 1, learningRate: 0, trained: 0 },
  ...{ ...method, right: Number(right), before: 0, loss: 0, texts: 600 },
});

/** Both tasks of Table 6: all ranks of some matrices, beside full fine-tuning of Table 4. */
const printedRanks = (sites: string): MapRows => ({
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
const rankOne: PrintedCase<MapRows> = {
  where: "table 6: q and v",
  rows: printedRanks("W_q, W_v"),
};

/** q alone, of which it is not. */
const rankOneOfQuery: PrintedCase<MapRows> = {
  where: "table 6: q alone",
  rows: printedRanks("W_q"),
};

/** WikiSQL of q and v, as if it were a language of its own: one rank is enough there. */
const rankOneOfLanguage: PrintedCase<MapRows> = {
  where: "table 6: q and v",
  rows: {
    mapDirections: [],
    mapRuns: rankOne.rows.mapRuns.filter(({ task }) => task === "WikiSQL")
      .map((row) => ({ ...row, task: language })),
  },
};

/** Table 2: full fine-tuning and LoRA on every task. */
const onAPar: readonly PrintedCase<MapRows>[] = [
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

/** r = 1 on q and v and the line's best rank, with the points between them. */
function belowBest(rows: readonly MapRow[], task: string) {
  const one = meanOf(rows, on(task, "qv", 1))!;
  const best = ranksOf(rows, on(task, "qv")).reduce((a, b) => b.right > a.right ? b : a);
  return { one, best, points: best.right - one.right };
}

/** The task whose r = 1 is the farthest below. */
const worstOfOne = ({ mapRuns }: MapRows) =>
  knownTasks(mapRuns).map((task) => belowBest(mapRuns, task))
    .reduce((a, b) => b.points > a.points ? b : a);

const knownTasks = (rows: readonly MapRow[]) =>
  tasksAt(rows, ({ level }) => level !== undefined && level <= 1);

/** Table 6, where the base knows the skill. */
export const oneSuffices: Claim<MapRows> = {
  text: "Table 6: r = 1 suffices for q and v where the base knows the skill",
  rule:
    "when on every task whose skill the base knows, asked by a new word or answered in a new form, r = 1 " +
    `is at most ${enoughPoints} point of right answers below the line's best rank`,
  ...said.table6,
  paper: [rankOne],
  contrary: [rankOneOfQuery],
  ours: (rows) => `r = 1 at most ${worstOfOne(rows).points.toFixed(1)} points below the best rank`,
  holds: (rows) => worstOfOne(rows).points <= enoughPoints + rounding,
  margin(rows) {
    const { one, best, points } = worstOfOne(rows);
    return marginOf(points - enoughPoints, one, best);
  },
  found: ({ mapRuns }) =>
    `Right answers with r = 1: ${
      each(knownTasks(mapRuns), (task) => rightText(mapRuns, task, "qv", 1))
    }.`,
};

/** LoRA with r = 8 on q and v and full fine-tuning, with the first minus the second. */
function againstFull(rows: readonly MapRow[], task: string) {
  const lora = meanOf(rows, on(task, "qv", 8))!, full = meanOf(rows, on(task, "full"))!;
  return { lora, full, points: lora.right - full.right };
}

/** The near task on which LoRA is the farthest below. */
const worstOfLora = ({ mapRuns }: MapRows) =>
  tasksAt(mapRuns, isNear).map((task) => againstFull(mapRuns, task))
    .reduce((a, b) => b.points < a.points ? b : a);

/** Claim that LoRA is on a par on near tasks. */
export const parClaim: Claim<MapRows> = {
  text: "LoRA is on a par with full fine-tuning where the base can do the parts of a task",
  rule: "when on every task of known skills, two in a row at most, r = 8 on q and v is at most " +
    `${parPoints} points of right answers below full fine-tuning`,
  ...said.quality,
  paper: onAPar,
  ours: (rows) =>
    `r = 8 minus full fine-tuning: ${signed(worstOfLora(rows).points)} points or more`,
  holds: ({ mapRuns }) =>
    tasksAt(mapRuns, isNear).every((task) =>
      againstFull(mapRuns, task).points >= -parPoints - rounding
    ),
  margin(rows) {
    const { lora, full, points } = worstOfLora(rows);
    return marginOf(-parPoints - points, lora, full);
  },
  found: ({ mapRuns }) =>
    `Points above full fine-tuning: ${
      each(tasksAt(mapRuns, isNear), (task) => signed(againstFull(mapRuns, task).points))
    }.`,
};

/** Full fine-tuning minus r = 1 on q and v, on the language of its own. */
const behindOn = ({ mapRuns }: MapRows) =>
  pointsBetween(mapRuns, on(language, "full"), on(language, "qv", 1))!;

/** Section 7.2's warning. */
export const notEveryTask: Claim<MapRows> = {
  text: "Section 7.2: a small rank does not work for every task, such as a language of its own",
  rule: "when on the random alphabet full fine-tuning is above r = 1 on q and v by more than " +
    `${parPoints} points and two standard errors of a difference of two shares`,
  quote: "“we do not expect a small r to work for every task or dataset. Consider the following " +
    "thought experiment: if the downstream task were in a different language than the one used for " +
    "pre-training, retraining the entire model … could certainly outperform LoRA with a small r” " +
    "(section 7.2)",
  printed: "not for every task",
  topic: "rank",
  paper: "the paper prints no number for it",
  contrary: [rankOneOfLanguage],
  ours: (rows) => `full fine-tuning ${signed(behindOn(rows).points)} points from r = 1`,
  holds: (rows) => {
    const { points, noise } = behindOn(rows);
    return points > Math.max(parPoints, noise);
  },
  margin(rows) {
    const { points, noise } = behindOn(rows);
    const [full, one] = [on(language, "full"), on(language, "qv", 1)]
      .map((arm) => meanOf(rows.mapRuns, arm)!);
    return marginOf(Math.max(parPoints, noise) - points, full, one);
  },
  found: ({ mapRuns }) =>
    `Right: full fine-tuning ${rightText(mapRuns, language, "full")}, r = 1 on q and v ${
      rightText(mapRuns, language, "qv", 1)
    }.`,
};
