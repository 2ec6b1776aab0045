/** Every method that the paper compares, on glosses: tables 3, 11, 13, 14 and figure 2. @module */

import { grouped } from "../../../src/core/numbers.ts";
import { adaptationSteps, alpha } from "../../adaptation/methods.ts";
import { loadBase } from "../../base_model.ts";
import { glossData, glossLoss, shortGlossData } from "../../gloss_runs.ts";
import { allSizes, comparedSizes, searchedMethods, triedOf, withSeeds } from "../chosen.ts";
import { claimsOn } from "../claims.ts";
import { baselineRow, methodRow } from "../comparison.ts";
import { glossMethods, type StudiedMethod } from "../methods.ts";
import { lossValue } from "../pictures.ts";
import { chooseLeast } from "../rates.ts";
import { methodsExperiment } from "../study.ts";
import { glossClaims } from "./claims.ts";
import found from "./learning_rates.json" with { type: "json" };
import shipped from "./methods.json" with { type: "json" };
import { planMethod } from "./runs.ts";
import { glossRates } from "./search.ts";

/** A quick run's methods: one of each family. */
const quickMethods = (methods: readonly StudiedMethod[]) =>
  [...Map.groupBy(methods, ({ family }) => family).values()].map(([first]) => first);

const { searched, leftOut } = searchedMethods(found, glossMethods, glossRates);

const rateOf = (method: StudiedMethod) => chooseLeast(triedOf(found, method, glossRates));

/** All methods on glosses. */
export const methodsOnGlosses = methodsExperiment({
  ...lossValue,
  name: "methods",
  title: "Every method that the paper compares",
  question:
    "Which method gives the best quality for how many trained parameters? Full fine-tuning, " +
    "adapters, prefixes, biases, LoRA and its variants learn to write WordNet's definitions.",
  source: "Hu et al. 2021, tables 3, 11, 13 and 14 (GPT-2) and figure 2 (GPT-3), at small scale",
  settings:
    `${adaptationSteps} steps of 16 pairs from ${
      grouped(glossData("noun", false).examples)
    } training pairs, as in “Full fine-tuning against LoRA”; α = ${alpha} at every rank. Every method has ` +
    `the same search: ${glossRates} rates in half-decades around a guess that was written down before, one ` +
    "seed, on a validation split, at the size that all are compared at, about 8,192 trained values where it can " +
    "have so many; “(lowest)” and “(highest)” mark a best rate at that end of its grid. The base has two blocks, so that the top one " +
    "stands for the paper's top two (decision 0027)." + leftOut,
  shipped,
  runs: ({ seeds, quick }) =>
    withSeeds(
      quick ? comparedSizes(quickMethods(searched)) : allSizes(searched),
      seeds,
      rateOf,
    )
      .map((chosen) => ({
        ...planMethod(chosen.size, chosen.method.label, { ...chosen, split: "test", quick }),
        chosen,
      })),
  async baselines({ device, quick }) {
    using base = await loadBase(device);
    const value = await glossLoss(base, shortGlossData("noun", quick));
    return [baselineRow({ key: "base", label: "the base, not adapted", size: "none", value })];
  },
  row: (made) => methodRow(made, made.metrics.loss as number),
  claims: (compared) => claimsOn(compared, glossClaims),
  against: (compared) => compared.cell("full"),
  figure: {
    title: "Figure 2 at small scale: held-out loss against trained values",
    caption:
      "A mark for each seed ({seeds}), lines through the means of a method's sizes. Lower is better.",
  },
});
