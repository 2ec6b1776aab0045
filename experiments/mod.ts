/** Experiments: the paper's tables and figures, made again. @module */

export type { Claim, Finding, Verdict } from "./frame/claim.ts";
export {
  type Experiment,
  experiment,
  type ExperimentContext,
  type ExperimentDefinition,
  LeftOut,
  type Outcome,
  type PlanContext,
  type View,
} from "./frame/experiment.ts";
export type { DataTable, Figure, TableColumn, Unit } from "../src/figures/figure.ts";
export type * from "../src/figures/plotly_types.ts";
export type { Device, DeviceKind } from "../src/device/device.ts";
export type { MadeRun, PlannedRun, RunContext } from "./frame/planned_runs.ts";
export type * from "../src/runs/mod.ts";
export type { Shard } from "./frame/shard.ts";
export { experiments, selectExperiments } from "./registry.ts";
export { type RoleBar, roleBars } from "./role_bars.ts";
export { reproduce, type ReproduceOptions } from "./frame/reproduce.ts";
export { median } from "./numbers.ts";
export { LiveSpectra, type SiteReading, type SpectrumReading } from "./live_spectra.ts";
export { trainingSpectrum } from "./training_spectra.ts";
export { quotedFromPaper } from "./printed_table.ts";
export { memoryFigure, methodTable } from "./adaptation/figures.ts";
export { qualityFinding } from "./adaptation/adaptation.ts";
export { type AdaptationRun, type MethodRow, methodRows } from "./adaptation/method_rows.ts";
export { latencyFigure, latencyTable, timeForward, type Timing } from "./merging/latency.ts";
export { type TaskLoss, taskLossFigure } from "./merging/task_losses.ts";
