/**
 * Experiments: the paper's claims, tables and figures, reproduced.
 *
 * @module
 */

export * from "./frame/mod.ts";
export type {
  Axis,
  DataTable,
  Figure,
  Layout,
  TableColumn,
  Title,
  Trace,
  TraceType,
  Unit,
  Values,
} from "../src/figures/figure.ts";
export type { Device, DeviceKind } from "../src/device/device.ts";
export type * from "../src/runs/mod.ts";
export type { Shard } from "../src/runs/plan.ts";
export { experiments, selectExperiments } from "./registry.ts";
export { reproduce, type ReproduceOptions } from "./frame/reproduce.ts";
export { median } from "../src/core/numbers.ts";
export { quotedFromPaper } from "../src/paper/tables.ts";
export { qualityFinding } from "./adaptation/adaptation.ts";
