/** Every method that the paper compares, on a base with skills: tables 3, 15 and figure 2. @module */

import { grouped } from "../../../src/core/numbers.ts";
import { measuredTexts, skillBatch, skillExamples, skillSteps } from "../../skills/runs.ts";
import { claimsOn } from "../claims.ts";
import type { OwnColumns } from "../pictures.ts";
import { methodsExperiment } from "../study.ts";
import { baselinesOn } from "./baselines.ts";
import { eachTaskClaims, skillClaims } from "./claims.ts";
import found from "./learning_rates.json" with { type: "json" };
import shipped from "./methods.json" with { type: "json" };
import { skillMethods } from "./methods.ts";
import { reportedRuns, type SkillRow, skillRow } from "./reported.ts";
import { averageOfTasks, rightValue, taskColumns, withTasks } from "./rows.ts";
import { methodTasks, nearTask } from "./runs.ts";
import { skillRates } from "./search.ts";
import { onBothTasks, onSkills } from "./tasks.ts";

/** A quick run's methods: one of each family. */
const quickMethods = [...Map.groupBy(skillMethods, ({ family }) => family).values()]
  .map(([first]) => first);

/** Columns of rows on skills that other studies do not have. */
export const skillColumns: OwnColumns<SkillRow> = {
  before: [["task", "task", "text"]],
  after: [
    ["texts", "reported texts", "count"],
    ["validation", "loss on the texts to choose by (nats per character)", "nats"],
  ],
};

/** Settings of the runs of all experiments on methods and skills. */
export const skillSettings =
  `${methodTasks.map(({ name }) => name).join("; ")}: ${skillSteps} steps of ${skillBatch} of ` +
  `${grouped(skillExamples)} texts, AdamW, linear schedule; α = 2r. Reported are the shares of ` +
  `${measuredTexts.test} texts with other inputs whose answer is right to its end, and their average over the two ` +
  `tasks. Every method, at every size and on each task, has the best of ${skillRates} rates in half-decades around a ` +
  "guess that was written down before, by the loss on a validation split; “(lowest)” and “(highest)” mark one at that " +
  "end of its grid. No two cells share a seed (decision 0058).";

/** All methods on skills. */
export const methodsOnSkills = methodsExperiment({
  ...rightValue,
  name: "methods",
  title: "Every method that the paper compares",
  question:
    "Which method gives the most right answers for how many trained parameters? Full fine-tuning, adapters, " +
    "prefixes, biases and LoRA teach a small base with skills two tasks: two of its skills in a row, and a cipher " +
    "that it does not know.",
  source: "Hu et al. 2021, tables 3 (GPT-2), 15 and figure 2 (GPT-3), at small scale",
  settings: `${skillSettings} Prefixes are trained on “${nearTask.name}”, too.`,
  shipped,
  runs: (context) =>
    reportedRuns(found, context.quick ? onBothTasks(quickMethods) : onSkills, context),
  baselines: baselinesOn,
  row: skillRow,
  summarize: averageOfTasks,
  rules: [...eachTaskClaims, ...skillClaims],
  claims(compared, rows) {
    const withEach = withTasks(compared, rows);
    return [...claimsOn(withEach, eachTaskClaims), ...claimsOn(withEach, skillClaims)];
  },
  against: (compared) => compared.cell("full"),
  parts: taskColumns,
  columns: skillColumns,
  figure: {
    title: "Figure 2 at small scale: right answers against trained values",
    caption:
      "Averages over the two tasks: a mark for each seed ({seeds}), lines through the means of a method's sizes. " +
      "Higher is better.",
  },
});
