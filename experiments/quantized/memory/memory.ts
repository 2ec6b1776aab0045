/** Memory that QLoRA saves: the bytes of a step, and of models that do not fit here. @module */

import { type Experiment, experiment } from "../../frame/mod.ts";
import { memoryClaims } from "./claims.ts";
import { largeFigure, largeTable, sizesFigure, stepFigures, stepTable } from "./pictures.ts";
import { largeRank, memoryRows } from "./rows.ts";
import { stepRank } from "../steps.ts";

/** Full fine-tuning, LoRA and QLoRA in bytes. */
export const quantizedMemory: Experiment = experiment({
  name: "quantized-memory",
  title: "The memory of full fine-tuning, LoRA and QLoRA",
  question:
    "How many bytes does a training step take with a base in F32, in 16 bits and in 4, and which of them " +
    "are weights, adapters, gradients, moments, activations and scratch?",
  source: "Dettmers et al. 2023, QLoRA: sections 1 to 3; not in the paper",
  beyond: true,
  rows: (_, context) => memoryRows(context),
  settings:
    `Steps: AdamW in F32, LoRA of rank ${stepRank} on every linear layer; in NF4 are the linear layers, in ` +
    "blocks of 64, “double” with double quantization; in BF16 also embeddings and head. Predicted by running the training code on the " +
    "device that counts bytes and computes nothing, and measured on the job's device where that is quick. " +
    `7B to 175B: closed formulas, LoRA of rank ${largeRank} on every linear layer with A, B, gradients and moments ` +
    "in F32, all that is not a linear layer in 16 bits; GB are 10⁹ bytes.",
  claims: memoryClaims,
  tables: [stepTable, largeTable],
  figures: [stepFigures, largeFigure, sizesFigure],
});
