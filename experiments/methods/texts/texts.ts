/** Every method on a real encoder and three public tasks: table 2. @module */

import { grouped } from "../../../src/core/numbers.ts";
import { noStudyData } from "../../encoder_study/tasks.ts";
import { comparedSizes, withSeeds } from "../chosen.ts";
import { claimsOn } from "../claims.ts";
import { accuracyValue } from "../pictures.ts";
import { methodsExperiment } from "../study.ts";
import { textClaims } from "./claims.ts";
import { leftOut, searched, textRateOf, textTasks } from "./reported.ts";
import { averageOfTasks, baselinesOn, factsOf, textRow, withFacts } from "./rows.ts";
import { openTexts, planTexts, textSizes } from "./runs.ts";
import { rateTasks, textRates } from "./search.ts";
import shipped from "./texts.json" with { type: "json" };

/** All methods on MiniLM-L6, if LOWRANK_DATA has it and the tasks. */
export const methodsOnTexts = methodsExperiment({
  ...accuracyValue,
  name: "methods-texts",
  title: "Every method on a real encoder",
  question:
    "The same question where the base knows a lot: MiniLM-L6, a pretrained encoder of 22.7 million parameters, " +
    "learns to classify questions (TREC), sentences on films by whether they give an opinion (SUBJ), and film " +
    "reviews (SST-2). Methods are compared by their average over the three, as in the paper's table.",
  source: "Hu et al. 2021, table 2 (GLUE with RoBERTa), at small scale",
  settings:
    `${
      grouped(textSizes.train)
    } training texts of at most ${textSizes.words} words for each task, one pass in ` +
    `batches of ${textSizes.batch}, AdamW, linear schedule with 5% warm-up, gradients clipped at norm ` +
    `${textSizes.clipNorm}; the new head is trained in full beside every method, and counted. Rates: for ` +
    `every method the best of ${textRates} on average over ${textSizes.validation} other texts of each of ` +
    `${
      rateTasks.map(({ name }) => name).join(", ")
    }, one for all tasks; “(lowest)” and “(highest)” mark one at that end of its grid (decision 0031).` +
    leftOut,
  shipped,
  lacking: searched.length === 0 ? "the search of their rates is not made" : noStudyData,
  async runs({ seeds, quick }) {
    const study = await openTexts(quick);
    if (!study) return [];
    const methods = comparedSizes(quick ? searched.slice(0, 2) : searched);
    return withSeeds(methods, seeds, textRateOf).flatMap((chosen) =>
      textTasks(quick).map((task) => {
        const { method, learningRate, seed } = chosen;
        const run = planTexts(study, task, method, { learningRate, seed, part: "test" });
        return { ...run, chosen: { ...chosen, task } };
      })
    );
  },
  row: textRow,
  async baselines({ quick }) {
    const study = (await openTexts(quick))!; // There are runs.
    return (await Promise.all(textTasks(quick).map((task) => baselinesOn(study, task)))).flat();
  },
  summarize: averageOfTasks,
  claims: (compared, rows) => claimsOn(withFacts(compared, rows), textClaims),
  against: (compared) => compared.cell("full"),
  parts: (rows) =>
    factsOf(rows).map(({ task, meanOf }) => [task, task, "percent", ({ key }) => meanOf(key)]),
  columns: {
    before: [["task", "task", "text"]],
    after: [
      ["texts", "reported texts", "count"],
      ["validation", "on the texts to choose by", "percent"],
    ],
  },
  figure: {
    title: "Average accuracy over the tasks against trained values",
    caption:
      "A mark for each seed ({seeds}). Trained values contain those of the new heads, on average. Higher is better.",
  },
});
