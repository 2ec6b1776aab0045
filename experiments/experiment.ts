/** What an experiment is: a question, a rule written before the run, and a pure reading of its runs. @module */

import type { Device } from "../src/device/device.ts";
import type { DataTable, Figure } from "../src/figures/figure.ts";
import type { Claim } from "../src/figures/page.ts";
import type { PlannedRun } from "./planned_runs.ts";

/** What a claim came to; `not held` where the scale is the one that is claimed. */
export type Verdict =
  | "held"
  | "not held"
  | "not held at this scale"
  | "differs from the paper"
  | "not judged (quick run)";

/** A claim of the paper with its rule, what was found, and one of the verdicts. */
export interface Finding extends Claim {
  /** The rule applied. */
  readonly verdict: Verdict;
}

/** What an experiment gives back. */
export interface Outcome {
  /** What was run: data, sizes, rates, in a sentence or two. */
  readonly settings: string;
  /** One for each claim. */
  readonly findings: readonly Finding[];
  /** Its rows. */
  readonly tables: readonly DataTable[];
  /** Its figures, functions of the rows. */
  readonly figures: readonly Figure[];
}

/** What an experiment is run with. */
export interface ExperimentContext {
  /** The device of its runs. */
  readonly device: Device;
  /** Seeds of its runs. */
  readonly seeds: readonly number[];
  /** Fewer steps: to see that it works, not what comes out. */
  readonly quick: boolean;
  /** All ranks and sizes, where the default has a few. */
  readonly full: boolean;
  /** Folder for runs, adapters and results. */
  readonly out: string;
  /** Stops at the next step. */
  readonly signal: AbortSignal;
  /** Tells how far it is, from 0 to 1. */
  report(share: number, text: string): void;
}

/** What a plan depends on. */
export type PlanField = "seeds" | "quick" | "full";

/** What a plan is made from. */
export type PlanContext = Pick<ExperimentContext, PlanField>;

/** One table or figure of the paper, made again. */
export interface Experiment {
  /** Its name on the command line, after `--only`. */
  readonly name: string;
  /** One line for the report. */
  readonly title: string;
  /** What it asks, and why a reader should care. */
  readonly question: string;
  /** The place in the paper. */
  readonly source: string;
  /** The training runs that it reads, where it has any: what `--shard` shares out. */
  plan?(context: PlanContext): Promise<readonly PlannedRun[]>;
  /** Makes its runs where they are not made yet, and reads them. */
  run(context: ExperimentContext): Promise<Outcome>;
}
