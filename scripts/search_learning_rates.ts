/**
 * Tries every learning rate of the grid with every method of an experiment, one seed each, and writes
 * what they gave on the validation split, which no table reports, beside the experiment's code.
 *
 *     deno task search:rates adaptation
 *     deno task search:rates rank_study
 *     deno task search:rates supersenses
 *     deno task search:rates methods/skills
 *     deno task search:rates methods/budget
 *     deno task search:rates methods/e2e
 *     deno task search:rates methods/texts
 *     deno task search:rates regret
 *     deno task search:rates intrinsic_dimension
 *     deno task search:rates skills/needed_rank
 *     deno task search:rates skills/below_rank_one
 *     deno task search:rates skills/reinforce
 *     deno task search:rates skills/starts
 *     deno task search:rates half
 *
 * Finished runs under `results/search` are not trained again.
 *
 * @module
 */

import { writeJsonAtomic } from "../src/storage/files.ts";
import { openCpuDevice } from "../src/device/cpu/cpu_device.ts";
import type { JsonRecord, MethodSpec } from "../src/runs/mod.ts";
import type { RunContext } from "../src/runs/plan.ts";

import { adaptationSteps, learningRateGrid, methods } from "../experiments/adaptation/methods.ts";
import { type GlossData, glossData, planGloss, shortGlossData } from "../experiments/gloss_runs.ts";
import { searchEncoder } from "../experiments/intrinsic_dimension/encoder/runs.ts";
import { searchDimension } from "../experiments/intrinsic_dimension/runs.ts";
import { budgetMethods } from "../experiments/methods/budget/budget.ts";
import { halfStudy, searchedRanks } from "../experiments/half/runs.ts";
import { searchE2e } from "../experiments/methods/e2e/runs.ts";
import { onBothTasks, onSkills, searchOnSkills } from "../experiments/methods/skills/runs.ts";
import { searchTexts } from "../experiments/methods/texts/plan.ts";
import { methodOf, searched, studySteps } from "../experiments/rank_study/runs.ts";
import { searchSeed as seed, tryRates } from "../experiments/rate_search.ts";
import { searchRegret } from "../experiments/regret/runs.ts";
import { searchArms } from "../experiments/skills/arms.ts";
import { smallArms, smallStudy } from "../experiments/skills/below_rank_one/runs.ts";
import { searchNeededRank } from "../experiments/skills/needed_rank/runs.ts";
import { searchPolicies } from "../experiments/skills/reinforce/runs.ts";
import { searchStarts } from "../experiments/skills/starts/runs.ts";
import { searchSupersenses } from "../experiments/supersenses/runs.ts";

interface Search {
  readonly methods: readonly { readonly key: string; readonly spec: MethodSpec }[];
  readonly steps: number;
  readonly grid: readonly number[];
  readonly data: GlossData;
}

const evaluation = { split: "validation", examples: 512 } as const;

const searches: Readonly<Record<string, (context: RunContext) => Promise<JsonRecord>>> = {
  adaptation: (context) =>
    searchGloss(context, {
      ...{ methods, steps: adaptationSteps, grid: learningRateGrid },
      data: shortGlossData("noun", false),
    }),
  rank_study: (context) =>
    searchGloss(context, {
      methods: [{ key: searched.key, spec: methodOf(searched) }],
      steps: studySteps,
      // The grid's best was its last.
      grid: [...learningRateGrid, 0.1],
      data: glossData("noun", false),
    }),
  supersenses: searchSupersenses,
  "methods/skills": (context) => searchOnSkills(onSkills, context),
  "methods/budget": (context) => searchOnSkills(onBothTasks(budgetMethods), context),
  "methods/e2e": searchE2e,
  "methods/texts": searchTexts,
  regret: searchRegret,
  intrinsic_dimension: searchDimension,
  "intrinsic_dimension/encoder": searchEncoder,
  "skills/needed_rank": searchNeededRank,
  "skills/starts": (context) => searchStarts(context),
  "skills/below_rank_one": (context) => searchArms(smallStudy, smallArms, context),
  "skills/reinforce": searchPolicies,
  half: (context) => searchArms(halfStudy, searchedRanks, context),
};

/** The loss of every rate with every method. */
async function searchGloss(context: RunContext, search: Search): Promise<JsonRecord> {
  const { steps, grid } = search, data = { ...search.data, evaluation };
  const losses: Record<string, JsonRecord> = {};
  for (const { key, spec: method } of search.methods) {
    const planned = (learningRate: number) =>
      planGloss({ method, learningRate, seed, steps, data }, key);
    losses[key] = await tryRates(grid, planned, ({ loss }) => loss, context);
  }
  return { split: "validation", seed, steps, losses };
}

if (import.meta.main) {
  const [name] = Deno.args;
  if (!Object.hasOwn(searches, name)) {
    throw new RangeError(`give one of ${Object.keys(searches).join(", ")}`);
  }
  using device = await openCpuDevice();
  const context = { device, folder: "results/search" };
  await writeJsonAtomic(`experiments/${name}/learning_rates.json`, await searches[name](context));
}
