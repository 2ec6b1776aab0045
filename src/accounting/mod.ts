/** Closed formulas of parameters, bytes and compute, each written once. @module */

export {
  evaluate,
  evaluateDecimal,
  evaluateRatio,
  formulaTex,
  type FormulaValues,
} from "./evaluate.ts";
export type { Formula } from "./formula.ts";
export { formulas } from "./formulas/mod.ts";
export { type FormulaSymbol, symbols } from "./symbols.ts";
export { modelTensors } from "./models/architectures.ts";
export { catalogue, type CatalogueEntry } from "./models/catalogue.ts";
export type { ConfigJson } from "./models/fields.ts";
export { countParameters, type TensorShape } from "./models/tensor_shape.ts";
export { type LoraCount, loraCounts, type LoraSelection, peftTargets } from "./lora_count.ts";
export { classifierParameters, matricesOf, type Matrix, type Site, sitesOf } from "./matrices.ts";
export { gpt2StepBytes, type StepBytes, type StepShape } from "./gpt2_step.ts";
export { optimizerBytes } from "./optimizer_bytes.ts";
export { type OptimizerName, optimizerNames } from "./optimizers.ts";
export { type Precision, type TrainingBytes, trainingBytes } from "./training_bytes.ts";
