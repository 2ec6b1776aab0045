/** Parameters and memory of full fine-tuning divided by LoRA's, by closed formulas. @module */

import { architectureOf, type ConfigJson, countParameters } from "../architectures/mod.ts";
import { gpt2StepBytes, type StepBytes, type StepShape } from "./gpt2_step.ts";
import { loraCounts } from "./method_counts.ts";
import { type OptimizerName, optimizerNames } from "./optimizers.ts";

/** Memory of a step of full fine-tuning divided by that of LoRA. */
export interface MemoryRatio {
  /** At the peak of a step, activations included. */
  readonly peak: number;
  /** Weights, gradients and the optimizer's state alone. */
  readonly state: number;
}

/** LoRA's savings on one model. */
export interface LoraSavings {
  /** Parameters of the model. */
  readonly parameters: number;
  /** Parameters that LoRA trains. */
  readonly trained: number;
  /** Parameters of the model for each of those. */
  readonly reduction: number;
  /** On one sequence, in the order of {@link optimizerNames}. */
  readonly byOptimizer: readonly MemoryRatio[];
  /** With AdamW, in the order of `batches`. */
  readonly byBatch: readonly MemoryRatio[];
}

/**
 * Parameters and bytes of full fine-tuning over those of LoRA, for a step in F32 on sequences of the model's
 * full length.
 *
 * @param config A GPT-2's or GPT-3's `config.json`.
 * @param lora Its rank, and which projections it adapts.
 * @param batches Sequences of a step.
 *
 * @example
 * ```ts
 * import { loraSavings } from "@lowrank/core/accounting";
 * import { catalog } from "@lowrank/core/architectures";
 *
 * const lora = { rank: 4, sites: ["q", "v"] } as const;
 * const { reduction } = loraSavings(catalog["gpt3-175b"].config, lora, [1]);
 * console.log(Math.round(reduction)); // 9251
 * ```
 */
export function loraSavings(
  config: ConfigJson,
  lora: NonNullable<StepShape["lora"]>,
  batches: readonly number[],
): LoraSavings {
  const architecture = architectureOf(config), length = Number(config.n_positions);
  const parameters = countParameters(architecture.tensors);
  const trained = loraCounts(architecture, lora.rank, lora)
    .reduce((sum, { parameters }) => sum + parameters, 0);
  const ratio = (batch: number, optimizer: OptimizerName): MemoryRatio => {
    const full = gpt2StepBytes(config, { batch, length, optimizer })!;
    const adapted = gpt2StepBytes(config, { batch, length, optimizer, lora })!;
    return { peak: peakOf(full) / peakOf(adapted), state: stateOf(full) / stateOf(adapted) };
  };
  return {
    ...{ parameters, trained, reduction: parameters / trained },
    byOptimizer: optimizerNames.map((optimizer) => ratio(1, optimizer)),
    byBatch: batches.map((batch) => ratio(batch, "adamw")),
  };
}

const stateOf = ({ weight, adapter, gradient, optimizer }: StepBytes): number =>
  weight + adapter + gradient + optimizer;

const peakOf = (bytes: StepBytes): number => stateOf(bytes) + bytes.activation + bytes.scratch;
