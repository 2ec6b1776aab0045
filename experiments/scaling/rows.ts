/** What a step of each model takes, fully trained and with LoRA, by closed formulas. @module */

import type { StepBytes, StepShape } from "../../src/accounting/mod.ts";
import {
  architectureOf,
  catalogue,
  type ConfigJson,
  countParameters,
} from "../../src/architectures/mod.ts";

/** Loaded when it is needed, and mathjs with it. */
export type Accounting = typeof import("../../src/accounting/mod.ts");

/** LoRA as in the paper's account of GPT-3: r = 4 on the query and value projections. */
export const lora = { rank: 4, sites: ["q", "v"] } as const;

/** Sequences of a step, each of the model's full length; verdicts are about the first. */
export const batches = [1, 8, 64] as const;

/** How many times less LoRA takes than full fine-tuning. */
export interface MemoryRatio {
  readonly peak: number; // at the peak of a step, activations included
  readonly state: number; // weights, gradients and the optimizer's state alone
}

/** One model. */
export type ScalingRow = ReturnType<typeof rowOf>;

/**
 * Published sizes of GPT-2 and GPT-3, our base, and one of a million parameters below it, the smallest
 * first.
 *
 * @param base The configuration of tiny-gpt2.
 */
export function scalingRows(accounting: Accounting, base: ConfigJson): ScalingRow[] {
  const published = Object.entries(catalogue).filter(([name]) => /^gpt[23]/.test(name));
  const models: [name: string, config: ConfigJson][] = [
    ["width 128, 4 blocks", { ...base, n_embd: 128, n_layer: 4 }],
    ["tiny-gpt2", base],
    ...published.map(([name, { config }]) => [name, config] as [string, ConfigJson]),
  ];
  return models.map(([model, config]) => rowOf(accounting, model, config))
    .sort((a, b) => a.parameters - b.parameters);
}

function rowOf(accounting: Accounting, model: string, config: ConfigJson) {
  const { loraCounts, optimizerNames, gpt2StepBytes } = accounting;
  const architecture = architectureOf(config), length = Number(config.n_positions);
  const parameters = countParameters(architecture.tensors);
  const trained = loraCounts(architecture, lora.rank, lora)
    .reduce((sum, { parameters }) => sum + parameters, 0);
  const ratioOf = (step: Omit<StepShape, "length">): MemoryRatio => {
    const full = gpt2StepBytes(config, { ...step, length })!;
    const adapted = gpt2StepBytes(config, { ...step, length, lora })!;
    return { peak: peakOf(full) / peakOf(adapted), state: stateOf(full) / stateOf(adapted) };
  };
  return {
    ...{ model, parameters, length, trained, reduction: parameters / trained },
    /** One sequence, in the order of `optimizerNames`. */
    byOptimizer: optimizerNames.map((optimizer) => ratioOf({ batch: batches[0], optimizer })),
    /** AdamW, in the order of {@link batches}. */
    byBatch: batches.map((batch) => ratioOf({ batch, optimizer: "adamw" })),
  };
}

const stateOf = ({ weight, adapter, gradient, optimizer }: StepBytes): number =>
  weight + adapter + gradient + optimizer;

const peakOf = (bytes: StepBytes): number => stateOf(bytes) + bytes.activation + bytes.scratch;
