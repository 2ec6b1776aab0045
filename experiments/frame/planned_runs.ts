/** The runs that an experiment reads, known before any of them is made. @module */

import { join } from "node:path";
import { howMany } from "../../src/core/numbers.ts";
import type { Device } from "../../src/device/device.ts";
import type { MadeRun, PlannedRun } from "../../src/runs/plan.ts";

/** Settings that determine the list of an experiment's runs. */
export interface PlanContext {
  /** Seeds of its runs. */
  readonly seeds: readonly number[];
  /** Few steps: shows that everything works, but not what the results are. */
  readonly quick: boolean;
  /** All ranks and sizes, where the default has only a few. */
  readonly full: boolean;
}

/** Settings and services that an experiment is run with. */
export interface ExperimentContext extends PlanContext {
  /** The device of its runs. */
  readonly device: Device;
  /** Folder for runs, adapters and results. */
  readonly out: string;
  /** Stops at the next step. */
  readonly signal: AbortSignal;
  /** Reports progress, from 0 to 1. */
  report(share: number, text: string): void;
}

/**
 * Makes the runs one after the other and gives their results in the same order. After a crash the same
 * call reads the finished ones and resumes the next.
 */
export async function makeRuns<Chosen>(
  plan: readonly PlannedRun<Chosen>[],
  { device, out, signal, report }: ExperimentContext,
): Promise<MadeRun<Chosen>[]> {
  const total = plan.reduce((sum, { steps }) => sum + steps, 0), made: MadeRun<Chosen>[] = [];
  let before = 0;
  for (const { label, steps, chosen, make } of plan) {
    const onStep = (step: number) => report((before + step) / total, label);
    const result = await make({ device, folder: join(out, "runs"), signal, onStep });
    made.push({ ...result, chosen });
    before += steps;
  }
  if (plan.length > 0) report(1, howMany(plan.length, "run"));
  return made;
}
