/** What the paper says of a small rank, judged where it can be: docs/decisions/0055 has the rules. @module */

import said from "../../../src/paper/printed/claims.json" with { type: "json" };
import { parPoints, rounding, signed } from "../../differences.ts";
import type { Claim } from "../../frame/mod.ts";
import {
  each,
  enoughPoints,
  isNear,
  language,
  meanOf,
  on,
  pointsBetween,
  ranksOf,
  rightText,
  tasksAt,
} from "./needs.ts";
import { onAPar, rankOne, rankOneOfLanguage, rankOneOfQuery } from "./printed.ts";
import type { MapRow, MapRows } from "./rows.ts";

/** How far r = 1 on q and v is below the line's best rank. */
const belowBest = (rows: readonly MapRow[], task: string): number =>
  Math.max(...ranksOf(rows, on(task, "qv")).map(({ right }) => right)) -
  meanOf(rows, on(task, "qv", 1))!.right;

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
  ours: ({ mapRuns }) =>
    `${
      signed(-Math.max(...knownTasks(mapRuns).map((task) => belowBest(mapRuns, task))))
    } points at most`,
  holds: ({ mapRuns }) =>
    knownTasks(mapRuns).every((task) => belowBest(mapRuns, task) <= enoughPoints + rounding),
  found: ({ mapRuns }) =>
    `Right answers with r = 1: ${
      each(knownTasks(mapRuns), (task) => rightText(mapRuns, task, "qv", 1))
    }.`,
};

/** LoRA with r = 8 on q and v minus full fine-tuning. */
const againstFull = (rows: readonly MapRow[], task: string): number =>
  pointsBetween(rows, on(task, "qv", 8), on(task, "full"))!.points;

/** On a par, on near tasks. */
export const parClaim: Claim<MapRows> = {
  text: "LoRA is on a par with full fine-tuning where the base can do the parts of a task",
  rule: "when on every task of known skills, two in a row at most, r = 8 on q and v is at most " +
    `${parPoints} points of right answers below full fine-tuning`,
  ...said.quality,
  paper: onAPar,
  ours: ({ mapRuns }) =>
    `${
      signed(Math.min(...tasksAt(mapRuns, isNear).map((task) => againstFull(mapRuns, task))))
    } points at the least`,
  holds: ({ mapRuns }) =>
    tasksAt(mapRuns, isNear).every((task) => againstFull(mapRuns, task) >= -parPoints - rounding),
  found: ({ mapRuns }) =>
    `Points above full fine-tuning: ${
      each(tasksAt(mapRuns, isNear), (task) => signed(againstFull(mapRuns, task)))
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
  paper: "the paper prints no number for it",
  contrary: [rankOneOfLanguage],
  ours: (rows) => `${signed(behindOn(rows).points)} points`,
  holds: (rows) => {
    const { points, noise } = behindOn(rows);
    return points > Math.max(parPoints, noise);
  },
  found: ({ mapRuns }) =>
    `Right: full fine-tuning ${rightText(mapRuns, language, "full")}, r = 1 on q and v ${
      rightText(mapRuns, language, "qv", 1)
    }.`,
};
