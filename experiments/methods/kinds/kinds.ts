/** Every method on a classifier: table 2. @module */

import { grouped } from "../../../src/core/numbers.ts";
import { type Experiment, experiment } from "../../frame/mod.ts";
import { fitBags, fitFrequent } from "../../supersenses/baselines.ts";
import { readSupersenses, supersenseSizes } from "../../supersenses/task.ts";
import { allSizes, withSeeds } from "../chosen.ts";
import { claimsOn } from "../claims.ts";
import { baselineRow, type ChosenMethod, MethodComparison } from "../comparison.ts";
import type { MethodRow } from "../comparison.ts";
import { accuracyValue, meansTable, methodsFigure, runsTable } from "../pictures.ts";
import { kindsClaims, type KindsFacts } from "./claims.ts";
import { kindsMethods } from "./methods.ts";
import { kindsRateOf, kindsRow, planReported } from "./reported.ts";
import { kindsSteps, sizesOf } from "./runs.ts";
import { kindsRates } from "./search.ts";

type Rows = readonly MethodRow[];

const compareKinds = (rows: Rows) => new MethodComparison(rows, "highest");

/** The most frequent kind, and the bags of words, which read the same entries. */
async function bagRows(quick: boolean): Promise<MethodRow[]> {
  const parts = await readSupersenses(sizesOf({ quick }));
  const size = `${parts.train.rows.length} entries`;
  return [fitFrequent(parts), ...fitBags(parts)].map(({ label, test }, place) =>
    baselineRow({ key: place === 0 ? "frequent" : `bag-${place}`, label, size, value: 100 * test })
  );
}

const factsOf = (rows: Rows): KindsFacts => ({
  frequent: rows.find(({ key }) => key === "frequent")!.value,
  texts: supersenseSizes.test,
});

/** All methods on kinds of nouns. */
export const methodsOnKinds: Experiment = experiment<ChosenMethod, Rows>({
  name: "methods-kinds",
  title: "Every method on a classifier",
  question:
    "The same question for a small encoder that learns which of WordNet's 26 kinds of nouns a dictionary " +
    "entry describes. A bag of words is beside it: it does better than all of them (“A small encoder against a " +
    "bag of words” asks why).",
  source: "Hu et al. 2021, table 2 (GLUE with RoBERTa), at small scale",
  runs: ({ seeds, quick }) =>
    withSeeds(allSizes(quick ? kindsMethods.slice(0, 2) : kindsMethods), seeds, kindsRateOf)
      .map((chosen) => planReported(chosen, quick)),
  rows: async (made, { quick }) => [...await bagRows(quick), ...made.map(kindsRow)],
  settings: `${kindsSteps} steps of 16 of ${grouped(supersenseSizes.train)} entries, reported on ` +
    `${
      grouped(supersenseSizes.test)
    } others; the new head is trained in full beside every method. Rates: the ` +
    `best of ${kindsRates} for every method on other entries; “(end)” marks one at an end of its grid.`,
  scale: true,
  claims: (rows) => claimsOn(compareKinds(rows), kindsClaims(factsOf(rows))),
  tables: [
    (rows) => {
      const compared = compareKinds(rows), title = "Accuracy of every method, means over the seeds";
      const words = { id: "methods-kinds-means", title };
      return meansTable(words, compared, compared.cell("full"), accuracyValue);
    },
    runsTable("methods-kinds", accuracyValue),
  ],
  figures: [(rows) =>
    methodsFigure(
      {
        id: "methods-kinds",
        title: "Accuracy against trained values",
        caption:
          "A mark for each seed ({seeds}). Trained values contain those of the new head. Higher is better.",
      },
      rows,
      compareKinds(rows),
      accuracyValue,
    )],
});
