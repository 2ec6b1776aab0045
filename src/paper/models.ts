/** The models of the paper, from the catalog of architectures. @module */

import { evaluateFormula, type FormulaValues } from "../accounting/mod.ts";
import { catalog } from "../architectures/mod.ts";

/** Number of blocks and width. */
export interface BlockShape extends FormulaValues {
  /** Blocks. */
  readonly L: number;
  /** Width. */
  readonly d: number;
}

/** Blocks and width of a model of the catalog. */
export function shapeOf(model: string): BlockShape {
  const { n_layer, num_hidden_layers, n_embd, hidden_size } = catalog[model].config;
  return { L: Number(n_layer ?? num_hidden_layers), d: Number(n_embd ?? hidden_size) };
}

/** Inputs of the formula for all parameters of a GPT. */
export function gptShapeOf(model: string): FormulaValues {
  const { vocab_size, n_positions } = catalog[model].config;
  return { ...shapeOf(model), n_voc: Number(vocab_size), n_pos: Number(n_positions) };
}

/** GPT-3 175B, whose head is the token embedding. */
export const gpt3: BlockShape = shapeOf("gpt3-175b");

/** Its parameters: 174,604,259,328. */
export const gpt3Parameters: bigint = evaluateFormula("fullParameters", gptShapeOf("gpt3-175b"));

/** Inputs of LoRA's formula for `matrices` square matrices in every block. */
export function loraOn(matrices: number, r: number, { L, d }: BlockShape): FormulaValues {
  return { n_W: matrices * L, d, r };
}

/** Parameters of the paper's usual adapter of GPT-3: r = 4 on q and v. */
export const gpt3Lora: bigint = evaluateFormula("loraParameters", loraOn(2, 4, gpt3));
