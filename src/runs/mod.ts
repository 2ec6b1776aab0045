/**
 * Runs: resumable training, in folders named by a hash of their specification; several at once; predicting
 * memory without training.
 *
 * @module
 */

export { canonicalJson, sha256 } from "../core/digest.ts";
export { type PredictionOptions, predictMemory } from "./predict_memory.ts";
export type { LossSpec } from "./losses.ts";
export {
  allocateMethod,
  applyMethod,
  type LoraSpec,
  type MethodKind,
  methodKinds,
  type MethodsByKind,
  type MethodSpec,
} from "./method.ts";
export { shareBase } from "../adapt/many/share_base.ts";
export { run } from "./run.ts";
export type { InputsOf, RunOptions, Trained } from "./run_options.ts";
export type { StepsOptions } from "./run_steps.ts";
export { readRun } from "./finished_run.ts";
export { type Provenance, type RunFiles, runFiles, type RunResult } from "./run_folder.ts";
export type { RunLedger } from "./run_ledger.ts";
export { hashOf, type Json, type JsonRecord, type RunSpec, type TrainingSpec } from "./spec.ts";
export {
  type RunProgress,
  type RunTogether,
  type TogetherEvent,
  TrainingsTogether,
  trainTogether,
} from "./together/train_together.ts";
