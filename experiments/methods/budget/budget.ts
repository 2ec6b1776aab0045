/** The placement of a budget, and the rank that is enough, with a rate for each: tables 5, 6, 15 and 18. @module */

import { claimsOn } from "../claims.ts";
import { reportedRuns, skillRow } from "../skills/reported.ts";
import { averageOfTasks, rightValue, taskColumns, withTasks } from "../skills/rows.ts";
import { skillColumns, skillSettings } from "../skills/skills.ts";
import { onBothTasks } from "../skills/tasks.ts";
import { methodsExperiment } from "../study.ts";
import { budgetClaims, enoughClaim } from "./claims.ts";
import found from "./learning_rates.json" with { type: "json" };
import shipped from "./budget.json" with { type: "json" };
import { budgetMethods, reference } from "./methods.ts";

/** Matrices and ranks, each at its own rate. */
export const methodsBudget = methodsExperiment({
  ...rightValue,
  name: "methods-budget",
  title: "Which matrices and which rank, each at its own rate",
  question:
    "Which matrices of attention should get a budget of trained parameters, and is a very small rank enough for q " +
    "and v, if each choice gets a learning rate of its own? The tasks are those of “Every method that the paper " +
    "compares”.",
  source: "Hu et al. 2021, section 7, tables 5, 6 and 15 (GPT-3) and 18 (GPT-2), at small scale",
  settings: skillSettings,
  shipped,
  runs: (context) =>
    reportedRuns(found, onBothTasks(context.quick ? [reference] : budgetMethods), context),
  row: skillRow,
  summarize: averageOfTasks,
  rules: [...budgetClaims, enoughClaim],
  claims(compared, rows) {
    const withEach = withTasks(compared, rows);
    return [...claimsOn(withEach, budgetClaims), ...claimsOn(withEach, [enoughClaim])];
  },
  against: (compared) => compared.cell(reference.key),
  parts: taskColumns,
  columns: skillColumns,
  figure: {
    title: "Right answers against trained values, each row at its own rate",
    caption: "Averages over the two tasks: a mark for each seed ({seeds}). Higher is better.",
  },
});
