/**
 * Runs: resumable training, in folders named by a hash of their specification; several at once; predicting
 * memory without training.
 *
 * @module
 */

export { canonicalJson, sha256 } from "../storage/digest.ts";
export { type PredictionOptions, predictMemory } from "./predict_memory.ts";
export type { LossSpec } from "./spec.ts";
export { allocateMethod, applyMethod, type MethodSpec } from "./method.ts";
export { type MethodKind, methodKinds } from "../methods/mod.ts";
export type { LoraSpec } from "../adapt/lora/starts.ts";
export type { MethodsByKind } from "../adapt/methods.ts";
export { shareBase } from "../adapt/many/adapter_set.ts";
export { run } from "./run.ts";
export type { InputsOf, RunOptions, Trained } from "./run.ts";
export type { StepsOptions } from "./run.ts";
export { readRun } from "./folder.ts";
export { type Provenance, type RunFiles, runFiles, type RunResult } from "./folder.ts";
export type { RunLedger } from "./folder.ts";
export { hashOf, type Json, type JsonRecord, type RunSpec, type TrainingSpec } from "./spec.ts";
export {
  type RunProgress,
  type RunTogether,
  type TogetherEvent,
  TrainingsTogether,
  trainTogether,
} from "./together.ts";
