/** Experiments: the paper's tables and figures, made again. @module */

export * from "./frame/mod.ts";
export type { DataTable, Figure, TableColumn, Unit } from "../src/figures/figure.ts";
export type * from "../src/figures/plotly_types.ts";
export type { Device, DeviceKind } from "../src/device/device.ts";
export type * from "../src/runs/mod.ts";
export type { Shard } from "./frame/shard.ts";
export { experiments, selectExperiments } from "./registry.ts";
export { reproduce, type ReproduceOptions } from "./frame/reproduce.ts";
export { median } from "./numbers.ts";
export { quotedFromPaper } from "./printed_table.ts";
export { memoryFigure, methodTable } from "./adaptation/figures.ts";
export { qualityFinding } from "./adaptation/adaptation.ts";
export { type AdaptationRun, type MethodRow, methodRows } from "./adaptation/method_rows.ts";
export { latencyFigure, latencyTable, timeForward, type Timing } from "./merging/latency.ts";
export { type TaskLoss, taskLossFigure } from "./merging/task_losses.ts";
