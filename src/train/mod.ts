/** Training: AdamW, schedules, the trainer, evaluation. @module */

export { AdamW, adamW } from "./adamw.ts";
export type { AdamWOptions, AdamWSettings, ParameterGroup } from "./adamw.ts";
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
export { HeldOutCurve, type HeldOutLoss } from "./trainer.ts";
export { assertFiniteResult } from "./evaluate.ts";
export {
  defaultPatience,
  type DefaultSettings,
  defaultSettings,
  type DefaultsFor,
  type TrainedKind,
} from "./train.ts";
export { type EvaluatedStep, History } from "./train.ts";
export { emptyLog, logStep, type TrainingLog } from "./train.ts";
export type { OptimizerSlot } from "./optimizer_layout.ts";
export { type StepNumbers, StepRing } from "./trainer.ts";
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
export type { TrainOptions } from "./train.ts";
export { runTrainer, train } from "./train.ts";
export type { TrainableAdapter } from "./train.ts";
export { Training } from "./train.ts";
export { TrainingClock, type TrainingTimes } from "./train.ts";
export type { ValidationOptions } from "./validation.ts";
export type { TrainableModel } from "./trainer.ts";
export { type StepRecord, Trainer } from "./trainer.ts";
export { type TrainerOptions, trainingOptimizers } from "./trainer.ts";
