/** The frame: what an experiment is written with. @module */

export * from "./claim.ts";
export * from "./experiment.ts";
export * from "./planned_runs.ts";
