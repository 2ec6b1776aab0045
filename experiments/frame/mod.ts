/** The frame: what an experiment is written with. @module */

export * from "../../src/paper/claim.ts";
export { deciding, intervalOf, type Margin } from "../../src/paper/margin.ts";
export * from "./clock.ts";
export * from "./experiment.ts";
export * from "./planned_runs.ts";
export {
  type MadeRun,
  type PlannedRun,
  planRun,
  type RunContext,
  type RunOpeners,
  type RunPlan,
} from "../../src/runs/plan.ts";
