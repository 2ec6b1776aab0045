/**
 * Runs: resumable training, in folders named by a hash of their specification; several at once; predicting
 * memory without training.
 *
 * @module
 */

export { canonicalJson, sha256 } from "../storage/digest.ts";
export { type PredictionOptions, predictMemory } from "./predict_memory.ts";
export {
  hashOf,
  type Json,
  type JsonRecord,
  type LossSpec,
  type RunSpec,
  type TrainingSpec,
} from "./spec.ts";
export { allocateMethod, applyMethod, type MethodSpec } from "./method.ts";
export { type MethodKind, methodKinds } from "../methods/mod.ts";
export type { LoraSpec } from "../adapt/lora/starts.ts";
export type { MethodsByKind } from "../adapt/methods.ts";
export { shareBase } from "../adapt/many/adapter_set.ts";
export { type InputsOf, run, type RunOptions, type StepsOptions, type Trained } from "./run.ts";
export {
  type Provenance,
  readRun,
  type RunFiles,
  runFiles,
  type RunLedger,
  type RunResult,
} from "./folder.ts";
export {
  type RunProgress,
  type RunTogether,
  type TogetherEvent,
  TrainingsTogether,
  trainTogether,
} from "./together.ts";
