/** Experiments: the paper's tables and figures, made again. @module */

export type {
  Experiment,
  ExperimentContext,
  Finding,
  Outcome,
  PlanContext,
  PlanField,
  Verdict,
} from "./experiment.ts";
export type { DataTable, Figure, TableColumn, Unit } from "../figures/figure.ts";
export type { Device, DeviceKind } from "../device/device.ts";
export type { Claim } from "../figures/page.ts";
export type { PlannedRun, RunContext } from "./planned_runs.ts";
export type * from "../runs/mod.ts";
export type { Shard } from "./shard.ts";
export { experiments, selectExperiments } from "./registry.ts";
export { reproduce, type ReproduceOptions } from "./reproduce.ts";
