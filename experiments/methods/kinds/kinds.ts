/** Every method on a classifier: table 2. @module */

import { grouped } from "../../../src/core/numbers.ts";
import { readSupersenses, supersenseSizes } from "../../supersenses/task.ts";
import { classifierBaselines } from "../baselines.ts";
import { claimsOn } from "../claims.ts";
import { comparedSizes, withSeeds } from "../chosen.ts";
import { accuracyValue } from "../pictures.ts";
import { methodsExperiment } from "../study.ts";
import { kindsClaims } from "./claims.ts";
import shipped from "./kinds.json" with { type: "json" };
import { kindsRateOf, kindsRow, leftOut, planReported, searched } from "./reported.ts";
import { kindsSteps, sizesOf } from "./runs.ts";
import { kindsRates } from "./search.ts";

/** All methods on kinds of nouns. */
export const methodsOnKinds = methodsExperiment({
  ...accuracyValue,
  name: "methods-kinds",
  title: "Every method on a classifier",
  question:
    "The same question for a small encoder that learns which of WordNet's 26 kinds of nouns a dictionary " +
    "entry describes. Bags of words, which read the same entries, are beside the methods: “A small encoder " +
    "against a bag of words” asks why they do well.",
  source: "Hu et al. 2021, table 2 (GLUE with RoBERTa), at small scale",
  settings: `${kindsSteps} steps of 16 of ${grouped(supersenseSizes.train)} entries, reported on ` +
    `${
      grouped(supersenseSizes.test)
    } others; the new head is trained in full beside every method, and counted. ` +
    `Rates: the best of ${kindsRates} for every method on other entries; “(lowest)” and “(highest)” mark one at that end of its grid ` +
    "(decision 0027)." + leftOut,
  shipped,
  runs: ({ seeds, quick }) =>
    withSeeds(comparedSizes(quick ? searched.slice(0, 2) : searched), seeds, kindsRateOf)
      .map((chosen) => planReported(chosen, quick)),
  async baselines({ quick }) {
    const parts = await readSupersenses(sizesOf({ quick })), { length } = parts.train.rows;
    return classifierBaselines(parts, "kind", `${grouped(length)} entries`);
  },
  row: kindsRow,
  claims: (compared, rows) => {
    const frequent = rows.find(({ key }) => key === "frequent")!.value;
    const chance = { frequent, texts: supersenseSizes.test };
    return claimsOn(Object.assign(compared, { chance }), kindsClaims);
  },
  against: (compared) => compared.cell("full"),
  figure: {
    title: "Accuracy against trained values",
    caption:
      "A mark for each seed ({seeds}). Trained values contain those of the new head. Higher is better.",
  },
});
