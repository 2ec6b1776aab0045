/** Training: AdamW, schedules, the trainer, evaluation. @module */

export { AdamW, adamW, adamW8bit } from "./adamw.ts";
export type { AdamWOptions, AdamWSettings, ParameterGroup } from "./adamw_options.ts";
export { type Batch, countTargets, type ModelInputs } from "../core/batch.ts";
export type { BatchSource } from "./batch.ts";
export {
  hasCheckpoint,
  removeCheckpoint,
  resumeCheckpoint,
  type Resumed,
  saveCheckpoint,
} from "./checkpoint.ts";
export { evaluate, type Evaluation } from "./evaluate.ts";
export { HeldOutCurve, type HeldOutLoss } from "./held_out_curve.ts";
export { assertFiniteResult } from "./finite_result.ts";
export {
  defaultPatience,
  type DefaultSettings,
  defaultSettings,
  type DefaultsFor,
  type TrainedKind,
} from "./defaults.ts";
export { type EvaluatedStep, History } from "./history.ts";
export { emptyLog, logStep, type TrainingLog } from "./log.ts";
export type { MomentScales, OptimizerSlot } from "./optimizer_layout.ts";
export { type StepNumbers, StepRing } from "./step_ring.ts";
export {
  constantSchedule,
  cosineSchedule,
  linearSchedule,
  type Schedule,
  type ScheduleName,
  scheduleOf,
  type ScheduleOptions,
} from "./schedule.ts";
export type { StepEvent, WatchOptions } from "./step_runner.ts";
export type { TrainOptions } from "./settings.ts";
export { runTrainer, train } from "./train.ts";
export type { TrainableAdapter } from "./target.ts";
export { Training } from "./training.ts";
export { TrainingClock, type TrainingTimes } from "./times.ts";
export type { ValidationOptions } from "./validation.ts";
export type { TrainableModel } from "./trainable_model.ts";
export { type StepRecord, Trainer } from "./trainer.ts";
export { type TrainerOptions, trainingOptimizers } from "./trainer_options.ts";
