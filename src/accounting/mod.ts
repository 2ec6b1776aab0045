/** Closed formulas for parameters, bytes and compute, each written once. @module */

export {
  evaluateFormula,
  evaluateFormulaDecimal,
  evaluateFormulaRatio,
  formulaTex,
  type FormulaValues,
} from "./evaluate_formula.ts";
export type { Formula } from "./formula.ts";
export { formulas } from "./formulas/mod.ts";
export { type FormulaSymbol, symbols } from "./symbols.ts";
export { classifierParameters, type LoraCount, loraCounts } from "./lora_count.ts";
export { type LoraSavings, loraSavings, type MemoryRatio } from "./lora_savings.ts";
export type { CountedBeside, CountedModules } from "./beside_counts.ts";
export type {
  CountedBottlenecks,
  CountedMethod,
  CountedSites,
  CountedTokens,
  CountedUpdates,
} from "./counted_method.ts";
export { countModules, type ModuleCount } from "./module_counts.ts";
export { gpt2StepBytes, type StepBytes, type StepShape } from "./gpt2_step.ts";
export { optimizerBytes } from "./optimizer_bytes.ts";
export { type OptimizerName, optimizerNames } from "./optimizers.ts";
export { type Precision, type TrainingBytes, trainingBytes } from "./training_bytes.ts";
