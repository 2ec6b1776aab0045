/** Experiments: the paper's claims, tables and figures, reproduced. @module */

export * from "./frame/mod.ts";
export type { DataTable, Figure, TableColumn, Unit } from "../src/figures/figure.ts";
export type { Axis, Layout, Title, Trace, TraceType, Values } from "../src/figures/figure.ts";
export type { Device, DeviceKind } from "../src/device/device.ts";
export type * from "../src/runs/mod.ts";
export type { Shard } from "../src/runs/plan.ts";
export { experiments, selectExperiments } from "./registry.ts";
export { reproduce, type ReproduceOptions } from "./frame/reproduce.ts";
export { median } from "../src/core/numbers.ts";
export { quotedFromPaper } from "../src/paper/printed_tables.ts";
export { qualityFinding } from "./adaptation/quality.ts";
