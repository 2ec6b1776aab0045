/** What an experiment is run with. @module */

import type { Device } from "../../src/device/device.ts";

/** What the list of an experiment's runs depends on. */
export interface PlanContext {
  /** Seeds of its runs. */
  readonly seeds: readonly number[];
  /** Fewer steps: to see that it works, not what comes out. */
  readonly quick: boolean;
  /** All ranks and sizes, where the default has a few. */
  readonly full: boolean;
}

/** What an experiment is run with. */
export interface ExperimentContext extends PlanContext {
  /** The device of its runs. */
  readonly device: Device;
  /** Folder for runs, adapters and results. */
  readonly out: string;
  /** Stops at the next step. */
  readonly signal: AbortSignal;
  /** Tells how far it is, from 0 to 1. */
  report(share: number, text: string): void;
}
