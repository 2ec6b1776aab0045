/** Merging an update into a base in 4 bits: how much of it is left, by its size. @module */

import { fromTo } from "../../../src/core/numbers.ts";
import { type Experiment, experiment } from "../../frame/mod.ts";
import { survivalClaims } from "./claims.ts";
import { rank } from "./matrices.ts";
import { blockFigure, deadZoneFigure, smallUpdateTable, survivalTable } from "./pictures.ts";
import { survivalRows } from "./rows.ts";

/** The dead zone of weights in 4 bits. */
export const survival: Experiment = experiment({
  name: "survival",
  seconds: 12,
  title: "What a merge into 4 bits leaves of an update",
  question:
    "A QLoRA adapter is merged into its base, which is in 4 bits, and the result is stored in 4 bits again. " +
    "How much of ΔW is left, by its size? Users report adapters that vanish.",
  source:
    "our own question; not in the paper. Codes and blocks are those of QLoRA (Dettmers et al. 2023)",
  beyond: true,
  rows: (_, context) => survivalRows(context),
  seeds: "{seeds} (random updates)",
  settings: ({ trainedSizes }) =>
    `Updates of rank ${rank}, scaled to each size: the shipped LoRA on q and v of tiny-gpt2, which as ` +
    `trained is ${
      fromTo(trainedSizes, 2)
    } times as large as the rows that it changes; random ones on the linear ` +
    "layers of its first block and on a matrix of normal values. What survives is " +
    "⟨W₄′ − W₄, ΔW⟩ / ‖ΔW‖², with W₄ and W₄′ the weight in 4 bits before and after. " +
    "Blocks of 32 to 256, scales in 8 bits unless said. Computed on the host.",
  claims: survivalClaims,
  tables: [survivalTable, smallUpdateTable],
  figures: [deadZoneFigure, blockFigure],
});
