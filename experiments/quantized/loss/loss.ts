/** Cost in quality of a base in 4 bits. @module */

import { adaptationSteps } from "../../adaptation/methods.ts";
import { type Experiment, experiment } from "../../frame/mod.ts";
import { noTextData, textTasks } from "../../methods/texts/tasks.ts";
import { hasLost, isOneSeed, judgedClaims } from "./claims.ts";
import shipped from "./loss.json" with { type: "json" };
import { lossFigure, lossMeansTable, lossRunsTable } from "./pictures.ts";
import { type ChosenLoss, type LossRow, lossRows, lossRuns } from "./rows.ts";

type Rows = readonly LossRow[];

/** Settings of the runs, the runs left out, and the reason why a claim is not judged. */
export const lossSettings = (rows: Rows): string =>
  `WordNet's definitions as in “Full fine-tuning against LoRA” (${adaptationSteps} steps of 16 pairs, ` +
  "LoRA of rank 16, held-out loss); 2,000 entries of “A small encoder against a bag of words” in four passes, and " +
  "1,280 short texts of TREC, SUBJ and SST-2 in one (LoRA of rank 2, accuracy), the latter three on the bases that a rule reads. LoRA is on every linear layer, " +
  "at the rate that was searched for it in F32; linear layers are in 4 bits. A new head starts at zero, so " +
  "that only the base of the definitions has a value before it is trained." +
  [
    textTasks.some(({ name }) => rows.some(({ task }) => task === name))
      ? ""
      : ` Left out: the latter three, as ${noTextData}.`,
    isOneSeed(rows)
      ? " One seed gives no noise floor: nothing is judged."
      : hasLost(rows)
      ? ""
      : " The base that is not trained is not worse in NF4: that it recovers is not judged.",
  ].join("");

/** LoRA on a base in every form, on five tasks. */
export const quantizedLoss: Experiment = experiment<ChosenLoss, Rows>({
  name: "quantized-loss",
  title: "What a base in 4 bits costs in quality",
  question:
    "Is LoRA on a base in 4 bits worse than on the same base in F32, and does the code, the block size or " +
    "the quantization of the scales matter?",
  source: "Dettmers et al. 2023, QLoRA: section 4, at small scale; not in the paper",
  scale: true,
  beyond: true,
  runs: (context) => context.full || context.quick ? lossRuns(context) : [],
  quoted: { ...shipped, rows: shipped.rows as Rows },
  rows: lossRows,
  settings: lossSettings,
  claims: judgedClaims,
  tables: [lossMeansTable, lossRunsTable],
  figures: [lossFigure],
});
