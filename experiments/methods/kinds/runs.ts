/** Runs of every method on kinds of nouns. @module */

import type { PlannedRun } from "../../frame/mod.ts";
import { type KindsMethod, planSupersenses } from "../../supersenses/runs.ts";
import type { SupersenseRun } from "../../supersenses/runs.ts";
import { type SupersenseSizes, supersenseSizes } from "../../supersenses/task.ts";
import type { StudiedMethod } from "../methods.ts";

/** Steps of every run: four passes over the 2,000 entries, and as many over fewer or more. */
export const kindsSteps = 500;

/** What of a run is chosen. */
export type KindsRun =
  & Omit<SupersenseRun<KindsMethod>, "method">
  & { readonly examples?: number; readonly quick?: boolean };

/** Sizes and steps of a quick run. */
const quickSizes: SupersenseSizes = { train: 32, validation: 32, test: 32 }, quickSteps = 2;

/** A method's run on `examples` entries, 2,000 where it is not said. */
export function planKinds(
  { key, label, sizes: [{ spec }] }: StudiedMethod,
  { examples = supersenseSizes.train, quick = false, ...run }: KindsRun,
): PlannedRun<SupersenseRun<KindsMethod>> {
  const sizes = quick ? quickSizes : { ...supersenseSizes, train: examples };
  return planSupersenses(
    { ...run, method: { key, label, spec } },
    sizes,
    quick ? quickSteps : kindsSteps,
  );
}
