/**
 * Training: AdamW, schedules, the trainer, evaluation.
 *
 * @module
 */

export {
  AdamW,
  adamW,
  type AdamWOptions,
  type AdamWSettings,
  type ParameterGroup,
} from "./adamw.ts";
export type { FactorPair, Preconditioner } from "./precondition.ts";
export { type Batch, countTargets, type ModelInputs } from "../core/batch.ts";
export type { TrainedKind } from "../core/trained_kind.ts";
export type { BatchSource } from "./batch.ts";
export {
  hasCheckpoint,
  removeCheckpoint,
  resumeCheckpoint,
  type Resumed,
  saveCheckpoint,
} from "./checkpoint.ts";
export { assertFiniteResult, evaluate, type Evaluation } from "./evaluate.ts";
export {
  HeldOutCurve,
  type HeldOutLoss,
  type StepNumbers,
  type StepRecord,
  StepRing,
  type TrainableModel,
  Trainer,
  type TrainerOptions,
  trainingOptimizers,
} from "./trainer.ts";
export {
  defaultPatience,
  type DefaultSettings,
  defaultSettings,
  type DefaultsFor,
  emptyLog,
  type EvaluatedStep,
  History,
  logStep,
  runTrainer,
  train,
  type TrainableAdapter,
  Training,
  TrainingClock,
  type TrainingLog,
  type TrainingTimes,
  type TrainOptions,
} from "./train.ts";
export type { OptimizerSlot } from "./optimizer_layout.ts";
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
export type { ValidationOptions } from "./validation.ts";
