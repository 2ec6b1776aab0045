/** The frame: what an experiment is written with. @module */

export { type Claim, claimsIn, type Finding, judge, type Verdict } from "./claim.ts";
export type { ExperimentContext, PlanContext } from "./context.ts";
export {
  type Experiment,
  experiment,
  type ExperimentDefinition,
  LeftOut,
  type Outcome,
  type View,
} from "./experiment.ts";
export {
  type MadeRun,
  type PlannedRun,
  planRun,
  type RunContext,
  type RunOpeners,
  type RunPlan,
} from "./planned_runs.ts";
