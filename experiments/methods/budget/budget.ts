/** Where to spend a budget and which rank is enough, with a rate for each: tables 5, 6, 15 and 18. @module */

import { adaptationSteps, alpha } from "../../adaptation/methods.ts";
import { comparedSizes, triedOf, withSeeds } from "../chosen.ts";
import { claimsOn } from "../claims.ts";
import { methodRow } from "../comparison.ts";
import { planMethod } from "../glosses/runs.ts";
import type { StudiedMethod } from "../methods.ts";
import { lossValue } from "../pictures.ts";
import { chooseLeast } from "../rates.ts";
import { methodsExperiment } from "../study.ts";
import { budgetClaims } from "./claims.ts";
import found from "./learning_rates.json" with { type: "json" };
import shipped from "./budget.json" with { type: "json" };
import { budgetMethods, reference } from "./methods.ts";
import { budgetRates } from "./search.ts";

const rateOf = (method: StudiedMethod) => chooseLeast(triedOf(found, method, budgetRates));

/** Matrices and ranks, each at its own rate. */
export const methodsBudget = methodsExperiment({
  ...lossValue,
  name: "methods-budget",
  title: "Which matrices and which rank, each at its own rate",
  question:
    "Does it change which matrices and which rank are best if each gets a learning rate of its own? In " +
    "“Where to spend a budget” and “Which rank is enough?” one rate serves all.",
  source: "Hu et al. 2021, section 7, tables 5, 6 and 15 (GPT-3) and 18 (GPT-2), at small scale",
  settings:
    `${adaptationSteps} steps of 16 pairs, as in “Every method that the paper compares”; α = ${alpha}. Each ` +
    `row has the best of ${budgetRates} rates on a validation split; “(lowest)” and “(highest)” mark one at that end of its grid ` +
    "(decision 0027).",
  shipped,
  runs: ({ seeds, quick }) =>
    withSeeds(comparedSizes(quick ? [reference] : budgetMethods), seeds, rateOf)
      .map((chosen) => ({
        ...planMethod(chosen.size, chosen.method.label, { ...chosen, split: "test", quick }),
        chosen,
      })),
  row: (made) => methodRow(made, made.metrics.loss as number),
  claims: (compared) => claimsOn(compared, budgetClaims),
  against: (compared) => compared.cell(reference.key),
  figure: {
    title: "Held-out loss against trained values, each row at its own rate",
    caption: "A mark for each seed ({seeds}). Lower is better.",
  },
});
