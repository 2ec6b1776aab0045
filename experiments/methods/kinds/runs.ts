/** Runs of every method on kinds of nouns. @module */

import type { PlannedRun } from "../../frame/mod.ts";
import { type KindsMethod, planSupersenses } from "../../supersenses/runs.ts";
import type { SupersenseRun } from "../../supersenses/runs.ts";
import { type SupersenseSizes, supersenseSizes } from "../../supersenses/task.ts";
import type { StudiedMethod } from "../methods.ts";

/** Steps of every run: four passes over the 2,000 entries, and as many over fewer or more. */
export const kindsSteps = 500;

/** How many entries a run reads. */
export interface KindsAmount {
  /** Entries to train on. Default: 2,000. */
  readonly examples?: number;
  /** Whether a few are enough. */
  readonly quick?: boolean;
}

/** What of a run is chosen. */
export type KindsRun = Omit<SupersenseRun<KindsMethod>, "method"> & KindsAmount;

/** Sizes and steps of a quick run. */
const quickSizes: SupersenseSizes = { train: 32, validation: 32, test: 32 }, quickSteps = 2;

/** The entries of each part. */
export const sizesOf = (
  { examples = supersenseSizes.train, quick = false }: KindsAmount,
): SupersenseSizes => quick ? quickSizes : { ...supersenseSizes, train: examples };

/** A method's run. */
export function planKinds(
  { key, label, sizes: [{ spec }] }: StudiedMethod,
  { examples, quick = false, ...run }: KindsRun,
): PlannedRun<SupersenseRun<KindsMethod>> {
  const sizes = sizesOf({ examples, quick }), steps = quick ? quickSteps : kindsSteps;
  return planSupersenses({ ...run, method: { key, label, spec } }, sizes, steps);
}
