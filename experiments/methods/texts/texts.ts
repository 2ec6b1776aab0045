/** Every method on a real encoder and whole data sets: tables 2 and 6. @module */

import { grouped } from "../../../src/core/numbers.ts";
import type { PlanContext } from "../../frame/mod.ts";
import { comparedSizes } from "../chosen.ts";
import { claimsOn } from "../claims.ts";
import type { MethodCell } from "../comparison.ts";
import { accuracyValue, rateIn } from "../pictures.ts";
import { methodsExperiment } from "../study.ts";
import { textClaims } from "./claims.ts";
import { compareTexts } from "./comparison.ts";
import { noiseOf } from "./differences.ts";
import { planReported, searched, textRateOf } from "./reported.ts";
import { averageOfTasks, baselinesOn, textColumns, textRow } from "./rows.ts";
import { textRates } from "./search.ts";
import { openWhole, searchedTasks, wholeSizes } from "./sizes.ts";
import { noTextData, textTasks } from "./tasks.ts";
import shipped from "./texts.json" with { type: "json" };

/** All tasks; a quick run has one. */
const tasksOf = ({ quick }: Pick<PlanContext, "quick">) =>
  textTasks.slice(0, quick ? 1 : undefined);

const sizesInWords = Object.entries(wholeSizes).map(([task, { train, passes, test }]) =>
  `${task} ${grouped(train)} in ${passes === 1 ? "one pass" : `${passes} passes`}, ${
    grouped(test)
  } reported`
).join("; ");

/** Sentences on training and rates. */
export const textSettings =
  `batches of ${wholeSizes.TREC.batch}, AdamW, a rate that rises in ${
    100 * wholeSizes.TREC.warmup
  }% of the steps and falls to 0 in a line; the new head is trained in full beside every method, and counted. Rates: ` +
  `for every method the best of ${textRates}, and of one more where the best was at an end of them, on other texts; ` +
  "“(lowest)” and “(highest)” mark one that was at an end even then. No two methods share a seed (decision 0057).";

/** All methods on MiniLM-L6, if LOWRANK_DATA has it and the tasks. */
export const methodsOnTexts = methodsExperiment({
  ...accuracyValue,
  name: "methods-texts",
  title: "Every method on a real encoder",
  question:
    "Is LoRA on a par with full fine-tuning, and better than the other methods, where the base knows a lot and is " +
    "trained out? MiniLM-L6, a pretrained encoder of 22.7 million parameters, learns to classify questions (TREC), " +
    "sentences on films by whether they give an opinion (SUBJ), and film reviews (SST-2).",
  source: "Hu et al. 2021, section 5.2, tables 2 (GLUE with RoBERTa) and 6",
  settings: `All texts: ${sizesInWords}; ${textSettings} SUBJ has the rates of ${
    searchedTasks.at(-1)!.name
  }. The noise (±) is two standard errors of a difference, of the seeds and of the texts.`,
  shipped,
  lacking: searched.length === 0 ? "the search of their rates is not made" : noTextData,
  async runs({ seeds, quick }) {
    const study = await openWhole(quick);
    if (!study) return [];
    const methods = comparedSizes(quick ? searched.slice(0, 2) : searched);
    return seeds.flatMap((seed) =>
      methods.flatMap(([method, size]) =>
        tasksOf({ quick }).map((task) =>
          planReported(study, task, { method, size, seed, ...textRateOf(task, method) })
        )
      )
    );
  },
  row: textRow,
  async baselines(context) {
    const study = (await openWhole(context.quick))!; // There are runs.
    return (await Promise.all(tasksOf(context).map((task) => baselinesOn(study, task)))).flat();
  },
  summarize: averageOfTasks,
  noiseBetween: (rows) => {
    const { difference } = compareTexts(rows);
    return (a, b) => noiseOf(difference(a.key, b.key));
  },
  claims: (_, rows) => claimsOn(compareTexts(rows), textClaims),
  rules: textClaims,
  against: (compared) => compared.cell("full"),
  parts: (rows) =>
    compareTexts(rows).tasks.map(({ task, meanOf }) => {
      const rateOn = ({ key }: MethodCell) => {
        const row = rows.find((row) => row.key === key && row.task === task)!;
        return row.learningRate && `rate ${rateIn(row)}`;
      };
      return [task, task, "percent", ({ key }) => meanOf(key), rateOn];
    }),
  columns: textColumns,
  figure: {
    title: "Average accuracy over the tasks against trained values",
    caption:
      "A mark for each seed ({seeds}). Trained values contain those of the new heads, on average. Higher is better.",
  },
});
