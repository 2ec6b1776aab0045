/** What a step of each model takes, fully trained and with LoRA, by closed formulas. @module */

import {
  gpt2StepBytes,
  loraCounts,
  type OptimizerName,
  optimizerNames,
  type StepBytes,
  type StepShape,
} from "../../accounting/mod.ts";
import {
  architectureOf,
  catalogue,
  type ConfigJson,
  countParameters,
} from "../../architectures/mod.ts";
import { batches, lora, type MemoryRatio, type ScalingRow } from "./row.ts";

/** Published sizes of GPT-2 and GPT-3, our base, and one of a million parameters below it. */
function models(base: ConfigJson): Record<string, ConfigJson> {
  const published = Object.entries(catalogue).filter(([name]) => /^gpt[23]/.test(name));
  return {
    "width 128, 4 blocks": { ...base, n_embd: 128, n_layer: 4 },
    "tiny-gpt2": base,
    ...Object.fromEntries(published.map(([name, { config }]) => [name, config])),
  };
}

/**
 * All models, the smallest first.
 *
 * @param base The configuration of tiny-gpt2.
 */
export function scalingRows(base: ConfigJson): ScalingRow[] {
  const rows = Object.entries(models(base)).map(([model, config]) => rowOf(model, config));
  return rows.sort((a, b) => a.parameters - b.parameters);
}

function rowOf(model: string, config: ConfigJson): ScalingRow {
  const architecture = architectureOf(config), length = Number(config.n_positions);
  const parameters = countParameters(architecture.tensors);
  const trained = loraCounts(architecture, lora.rank, lora)
    .reduce((sum, { parameters }) => sum + parameters, 0);
  const ratio = (batch: number, optimizer: OptimizerName) =>
    memoryRatio(config, { batch, length, optimizer });
  return {
    model,
    parameters,
    length,
    trained,
    reduction: parameters / trained,
    byOptimizer: optimizerNames.map((optimizer) => ratio(batches[0], optimizer)),
    byBatch: batches.map((batch) => ratio(batch, "adamw")),
  };
}

function memoryRatio(config: ConfigJson, step: StepShape): MemoryRatio {
  const full = gpt2StepBytes(config, step)!, adapted = gpt2StepBytes(config, { ...step, lora })!;
  return { peak: peakOf(full) / peakOf(adapted), state: stateOf(full) / stateOf(adapted) };
}

const stateOf = ({ weight, adapter, gradient, optimizer }: StepBytes): number =>
  weight + adapter + gradient + optimizer;

const peakOf = (bytes: StepBytes): number => stateOf(bytes) + bytes.activation + bytes.scratch;
