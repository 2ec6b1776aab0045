/** Every method that the paper compares, on a base with skills: tables 3, 15 and figure 2. @module */

import { fromTo, grouped } from "../../../src/core/numbers.ts";
import type { Column } from "../../../src/figures/mod.ts";
import type { ExperimentContext } from "../../frame/mod.ts";
import {
  measuredTexts,
  openSkillsBase,
  reportedTexts,
  scoreTexts,
  skillBatch,
  skillExamples,
  skillSteps,
} from "../../skills/runs.ts";
import { baselineRow, claimsOn } from "../comparison.ts";
import { methodsExperiment, type OwnColumns } from "../study.ts";
import {
  averageOfTasks,
  eachTaskClaims,
  ofSharedSeeds,
  rightValue,
  severalClaim,
  skillClaims,
  taskColumns,
  withFurther,
  withTasks,
} from "./claims.ts";
import found from "./learning_rates.json" with { type: "json" };
import shipped from "./methods.json" with { type: "json" };
import {
  furtherRuns,
  furtherSeeds,
  methodTasks,
  nearTask,
  onBothTasks,
  onSkills,
  reportedRuns,
  skillMethods,
  skillRates,
  type SkillRow,
  skillRow,
} from "./runs.ts";

/** Both on every task, the near one included. */
export async function baselinesOn(
  { device }: Pick<ExperimentContext, "device">,
): Promise<SkillRow[]> {
  using base = await openSkillsBase(device, "trained", 0);
  const rows: SkillRow[] = [];
  for (const { task } of onSkills) {
    const reported = reportedTexts(task), { exact, texts } = await scoreTexts(base, reported);
    const row = (key: string, label: string, share: number): SkillRow => ({
      ...{
        task: task.name,
        texts,
        ...baselineRow({ key, label, size: "none", value: 100 * share }),
      },
    });
    const same = Map.groupBy(reported, ({ completion }) => completion);
    const most = Math.max(...[...same.values()].map(({ length }) => length));
    rows.push(row("base", "the base, not adapted", exact));
    rows.push(row("frequent", "the most frequent answer", most / texts));
  }
  return rows;
}

/** A quick run's methods: one of each family. */
const quickMethods = [...Map.groupBy(skillMethods, ({ family }) => family).values()]
  .map(([first]) => first);

/** Columns of rows on skills that other studies do not have. */
export const skillColumns = {
  before: [["task", "task", "text"]],
  after: [
    ["texts", "reported texts", "count"],
    ["validation", "loss on the texts to choose by (nats per character)", "nats"],
  ],
} as const satisfies OwnColumns<SkillRow>;

/** Seeds of this study alone. */
const furtherColumn: Column<SkillRow> = ["further", "read by Table 3's claim alone", "count"];

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
  settings: `${skillSettings} Prefixes are trained on “${nearTask.name}”, too. ` +
    `LoRA at r = 4 and the top layer have seeds ${
      fromTo(furtherSeeds, 0)
    } besides, which Table 3's claim alone reads.`,
  shipped,
  runs: (context) =>
    context.quick
      ? reportedRuns(found, onBothTasks(quickMethods), context)
      : [...reportedRuns(found, onSkills, context), ...furtherRuns(found)],
  baselines: baselinesOn,
  row: skillRow,
  summarize: averageOfTasks,
  rules: [...eachTaskClaims, severalClaim, ...skillClaims],
  claims(compared, rows) {
    const withEach = withTasks(compared, ofSharedSeeds(rows));
    return [
      ...claimsOn(withEach, eachTaskClaims),
      ...claimsOn(withFurther(rows), [severalClaim]),
      ...claimsOn(withEach, skillClaims),
    ];
  },
  against: (compared) => compared.cell("full"),
  parts: (rows) => taskColumns(ofSharedSeeds(rows)),
  columns: { ...skillColumns, after: [...skillColumns.after, furtherColumn] },
  figure: {
    title: "Figure 2 at small scale: right answers against trained values",
    caption:
      "Averages over the two tasks: a mark for each seed ({seeds}), lines through the means of a method's sizes. " +
      "Higher is better.",
  },
});
