/** Where to spend a budget and which rank is enough, with a rate for each: tables 5, 6, 15 and 18. @module */

import { adaptationSteps, alpha } from "../../adaptation/methods.ts";
import { type Experiment, experiment } from "../../frame/mod.ts";
import { allSizes, triedOf, withSeeds } from "../chosen.ts";
import { claimsOn } from "../claims.ts";
import { type ChosenMethod, MethodComparison, type MethodRow, methodRow } from "../comparison.ts";
import { planMethod } from "../glosses/runs.ts";
import type { StudiedMethod } from "../methods.ts";
import { lossValue, meansTable, methodsFigure, runsTable } from "../pictures.ts";
import { chooseLeast } from "../rates.ts";
import { budgetClaims } from "./claims.ts";
import found from "./learning_rates.json" with { type: "json" };
import { budgetMethods } from "./methods.ts";
import { budgetRates } from "./search.ts";

type Rows = readonly MethodRow[];

const rateOf = (method: StudiedMethod) => chooseLeast(triedOf(found, method, budgetRates));

const compare = (rows: Rows) => new MethodComparison(rows, "lowest");

/** Matrices and ranks, each at its own rate. */
export const methodsBudget: Experiment = experiment<ChosenMethod, Rows>({
  name: "methods-budget",
  title: "Which matrices and which rank, each at its own rate",
  question:
    "Does it change which matrices and which rank are best if each gets a learning rate of its own? In " +
    "“Where to spend a budget” and “Which rank is enough?” one rate serves all.",
  source: "Hu et al. 2021, section 7, tables 5, 6 and 15 (GPT-3) and 18 (GPT-2), at small scale",
  runs({ seeds, quick }) {
    const sizes = allSizes(quick ? budgetMethods.slice(0, 1) : budgetMethods);
    return withSeeds(sizes, seeds, rateOf).map((chosen) => ({
      ...planMethod(chosen.size, chosen.method.label, { ...chosen, split: "test", quick }),
      chosen,
    }));
  },
  rows: (made) => made.map((run) => methodRow(run, run.metrics.loss as number)),
  settings:
    `${adaptationSteps} steps of 16 pairs, as in “Every method that the paper compares”; α = ${alpha}. Each ` +
    `row has the best of ${budgetRates} rates on a validation split; “(end)” marks one at an end of its grid.`,
  scale: true,
  claims: (rows) => claimsOn(compare(rows), budgetClaims),
  tables: [
    (rows) => {
      const compared = compare(rows), title = "Held-out loss, means over the seeds";
      const against = compared.cell("qv-4") ?? compared.cells[0];
      return meansTable({ id: "methods-budget-means", title }, compared, against, lossValue);
    },
    runsTable("methods-budget", lossValue),
  ],
  figures: [(rows) =>
    methodsFigure(
      {
        id: "methods-budget",
        title: "Held-out loss against trained values, each row at its own rate",
        caption: "A mark for each seed ({seeds}). Lower is better.",
      },
      rows,
      compare(rows),
      lossValue,
    )],
});
