/** "LoRA without regret" at small scale. @module */

import { type Experiment, experiment, LeftOut } from "../frame/mod.ts";
import { regretClaims } from "./claims.ts";
import { alpha, factSteps, largeSize, pairSize, pairSteps, settings } from "./methods.ts";
import { batchFigure, factsFigures, placesFigure, ratesTable } from "./pictures.ts";
import { ratioFigure, runsTable, searchFigure } from "./pictures.ts";
import { rateOf } from "./rates.ts";
import measured from "./regret.json" with { type: "json" };
import { type RegretRow, type RegretRows, rowsOf, searchedRates } from "./rows.ts";
import { planRegret, type RegretRun } from "./runs.ts";

/** The post's rules for LoRA, on the tiny base. */
export const regret: Experiment = experiment<RegretRun, RegretRows>({
  name: "regret",
  title: "LoRA without regret",
  question:
    "Do the rules for LoRA that were found with models of 1 to 70 billion parameters hold for one of " +
    "1.9 million: ten times the learning rate, whatever the rank; all layers; small batches; enough " +
    "rank for what has to be learned? Every difference is compared with what another seed makes of it.",
  source:
    "Schulman et al. 2025, LoRA Without Regret (doi 10.64434/tml.20250929), at small scale; called " +
    "the post below. It was not at hand: its claims are told from copies and notes of it",
  runs: ({ seeds, quick }) =>
    (quick || seeds.length > 1 ? seeds : []).flatMap((seed) =>
      settings.map((setting) => {
        const learningRate = rateOf(setting), split = "test" as const;
        return planRegret({ setting, learningRate, seed, split }, quick);
      })
    ),
  quoted: { ...measured, rows: { runs: measured.rows as RegretRow[], rates: searchedRates() } },
  rows: (made) =>
    made.length > 0 ? { runs: made.flatMap(rowsOf), rates: searchedRates() } : new LeftOut(
      "a second seed, which --seeds 2 gives, is the noise floor of every difference",
    ),
  settings:
    `LoRA on all layers unless said, α = ${alpha} at every rank, A uniform within ±1/√d_in. ` +
    "AdamW, the rate constant, no warm-up, no decay. Definitions of WordNet's nouns, no pair twice: " +
    `${pairSteps} steps of ${pairSize} pairs, or as many pairs in steps of ${largeSize}; loss on 256 ` +
    "pairs whose words are in no training pair. Invented facts (three random " +
    `tokens and the fourth that follows): ${factSteps} steps of 64; loss on all of them. Rates: each ` +
    "method, part and size has its own, searched on other pairs or facts with other seeds.",
  scale: true,
  beyond: true,
  claims: regretClaims,
  tables: [ratesTable, runsTable],
  figures: [searchFigure, ratioFigure, placesFigure, batchFigure, factsFigures],
});
