/** Table 2: trained parameters on GLUE, and averages. @module */

import {
  byFormula,
  byTensors,
  type Computation,
  type Computations,
  inColumn,
  trained,
} from "../computation.ts";
import { loraOn, shapeOf } from "../models.ts";
import { measured, printedTables } from "../printed/mod.ts";
import { mean, parseDecimal } from "../rational.ts";

const base = shapeOf("roberta-base"), large = shapeOf("roberta-large");
const deberta = shapeOf("deberta-v2-xxlarge");

/** Heads are trained too, but the paper leaves them out of every count. */
const encoder = (model: string, reason: string): Computation =>
  byTensors(model, "the encoder, without pooler and head", ({ name }) => isEncoder(name), {
    reason,
  });

const isEncoder = (name: string): boolean => /^(roberta\.)?(embeddings|encoder)\./.test(name);

const adapterD = (r: number, others: string, more = ""): Computation =>
  byFormula("adapterDParameters", { ...base, L_drop: 0, r }, {
    inferred: `r = ${r} in every block (${others} round to it)`,
    reason: `quoted by the paper from other work${more}`,
  });

const weightsAlone = (count: number) =>
  `the weights of the bottlenecks without their biases are ${count} · 2²⁰`;

const lora = (matrices: number, r: number, shape = large): Computation =>
  byFormula("loraParameters", loraOn(matrices, r, shape));

const counts: Computations = {
  "RoBERTa base, FT": encoder("roberta-base", "a nominal size; with its pooler it has 124.65M"),
  "RoBERTa base, BitFit": byTensors(
    "roberta-base",
    "biases of the encoder",
    ({ name }) => isEncoder(name) && name.endsWith(".bias"),
  ),
  "RoBERTa base, Adapter D (0.3M)": adapterD(
    16,
    "14 to 18",
    "; r = 48 in 4 of 12 blocks is also 0.3M",
  ),
  "RoBERTa base, Adapter D (0.9M)": adapterD(48, "46 to 51"),
  "RoBERTa base, LoRA": lora(2, 8, base),
  "RoBERTa large, FT": encoder("roberta-large", "a nominal size; with its pooler it has 355.36M"),
  "RoBERTa large, LoRA": lora(2, 8),
  "RoBERTa large †, Adapter P (3.0M)": byFormula("adapterPParameters", { ...large, r: 64 }, {
    reason: weightsAlone(3),
  }),
  "RoBERTa large †, Adapter P (0.8M)": byFormula("adapterPParameters", { ...large, r: 16 }),
  "RoBERTa large †, Adapter H (6.0M)": byFormula("adapterHParameters", { ...large, r: 64 }, {
    reason: weightsAlone(6),
  }),
  "RoBERTa large †, Adapter H (0.8M)": byFormula("adapterHParameters", { ...large, r: 8 }),
  "RoBERTa large †, LoRA": lora(2, 8),
  "DeBERTa XXL, FT": encoder("deberta-v2-xxlarge", "a nominal size, the 1.5B of its model card"),
  "DeBERTa XXL, LoRA": byFormula("loraParameters", loraOn(2, 8, deberta), {
    reason: "r = 8 is what Table 10 prints; r = 16, as in the authors' scripts, is 4,718,592",
  }),
};

const tasks = printedTables.table2.columns.slice(1, -1);

/** The mean of a row's eight scores. */
function average(row: string): Computation {
  return {
    settings: "mean of the eight printed scores",
    value: () => mean(tasks.map((task) => parseDecimal(measured("table2", row, task)))),
  };
}

const averages = Object.keys(printedTables.table2.rows).map((row) => [row, average(row)]);

/** Counts and averages. */
export const glue: Computations = {
  ...inColumn(trained, counts),
  ...inColumn("average", Object.fromEntries(averages)),
};
