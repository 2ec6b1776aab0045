/**
 * Closed formulas for parameters, bytes and compute, each written once.
 *
 * @module
 */

export {
  evaluateFormula,
  evaluateFormulaDecimal,
  evaluateFormulaRatio,
  formulaTex,
  type FormulaValues,
} from "./evaluate_formula.ts";
export { type Formula, type FormulaSymbol, symbols } from "./formula.ts";
export { formulas } from "./formulas.ts";
export {
  classifierParameters,
  type CountedMethod,
  countModules,
  type LoraCount,
  loraCounts,
  type ModuleCount,
} from "./method_counts.ts";
export { type LoraSavings, loraSavings, type MemoryRatio } from "./lora_savings.ts";
export type { CountedBeside, CountedUpdates } from "../methods/lora.ts";
export type { CountedBottlenecks } from "../methods/bottleneck.ts";
export type { CountedScales } from "../methods/ia3.ts";
export type { CountedCores } from "../methods/tinylora.ts";
export type { CountedTokens } from "../methods/prefix.ts";
export type { CountedSubspace } from "../methods/subspace.ts";
export type { CountedModules, CountedSites } from "../methods/selection.ts";
export type { CountedTopLayers } from "../methods/top_layers.ts";
export type { CountedOptions, MethodKind } from "../methods/mod.ts";
export { gpt2StepBytes, type StepBytes, type StepShape } from "./gpt2_step.ts";
export {
  optimizerBytes,
  type Precision,
  type TrainingBytes,
  trainingBytes,
} from "./training_bytes.ts";
export { type OptimizerName, optimizerNames } from "./optimizers.ts";
