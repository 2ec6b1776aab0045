/** Runs that an experiment is going to read, known before any of them is made. @module */

import { join } from "node:path";
import { howMany } from "../src/core/how_many.ts";
import type { Device } from "../src/device/device.ts";
import type { RunResult, RunSpec } from "../src/runs/mod.ts";
import type { ExperimentContext } from "./experiment.ts";

/** Where a run is made, and who is told of each step. */
export interface RunContext {
  /** Its device. */
  readonly device: Device;
  /** Folder of all runs. */
  readonly folder: string;
  /** Stops at the next step. */
  readonly signal?: AbortSignal;
  /** Called after each step with its number, counted from 0. */
  readonly onStep?: (step: number) => void;
}

/** A run to be made, or to be read where it is finished. */
export interface PlannedRun {
  /** For the progress bar. */
  readonly label: string;
  /** Its steps. */
  readonly steps: number;
  /** What names its folder. */
  spec(device: Device): RunSpec | Promise<RunSpec>;
  /** Trains it, or reads it. */
  make(context: RunContext): Promise<RunResult>;
}

/** Makes the runs one after the other and gives their results in the same order. */
export async function makeRuns(
  plan: readonly PlannedRun[],
  { device, out, signal, report }: ExperimentContext,
): Promise<RunResult[]> {
  const total = plan.reduce((sum, { steps }) => sum + steps, 0), results: RunResult[] = [];
  let before = 0;
  for (const { label, steps, make } of plan) {
    const onStep = (step: number) => report((before + step) / total, label);
    results.push(await make({ device, folder: join(out, "runs"), signal, onStep }));
    before += steps;
  }
  report(1, plan.length === 0 ? "nothing to train" : howMany(plan.length, "run"));
  return results;
}
