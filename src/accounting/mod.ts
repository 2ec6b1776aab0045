/** Closed formulas for parameters, bytes and compute, each written once. @module */

export {
  evaluateFormula,
  evaluateFormulaDecimal,
  evaluateFormulaRatio,
  formulaTex,
  type FormulaValues,
} from "./evaluate_formula.ts";
export type { Formula } from "./formula.ts";
export { formulas } from "./formulas.ts";
export { type FormulaSymbol, symbols } from "./formula.ts";
export { classifierParameters, type LoraCount, loraCounts } from "./method_counts.ts";
export { type LoraSavings, loraSavings, type MemoryRatio } from "./lora_savings.ts";
export type { CountedBeside, CountedModules } from "./method_counts.ts";
export type {
  CountedBottlenecks,
  CountedMethod,
  CountedSites,
  CountedTokens,
  CountedUpdates,
} from "./method_counts.ts";
export { countModules, type ModuleCount } from "./method_counts.ts";
export { gpt2StepBytes, type StepBytes, type StepShape } from "./gpt2_step.ts";
export { optimizerBytes } from "./training_bytes.ts";
export { type OptimizerName, optimizerNames } from "./optimizers.ts";
export { type Precision, type TrainingBytes, trainingBytes } from "./training_bytes.ts";
