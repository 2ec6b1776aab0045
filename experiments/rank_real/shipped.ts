/** The adapters of the study that are shipped: of six layers, in F16. @module */

import { fileURLToPath } from "node:url";
import type { Place } from "./cells.ts";
import { dataSeeds, methodOf } from "./plan.ts";
import { realSteps } from "./runs.ts";

/** Their folder: a PEFT folder for each. */
export const adaptersFolder: string = fileURLToPath(
  new URL("../../models/rank-study-smollm2", import.meta.url),
);

/** Layers of 30 that are shipped, counted from 0. */
export const shippedLayers: readonly number[] = [0, 5, 11, 17, 23, 29];

/** Ranks of q and v that are shipped. */
const ranks = ["qv-1", "qv-4", "qv-8", "qv-64"];

/** Whether an adapter is shipped: at the end of 500 steps, from its own start, with two seeds. */
export function isShipped({ key, start, data, steps, at }: Place): boolean {
  return ranks.includes(key) && steps === realSteps && at === steps &&
    dataSeeds.slice(0, 2).some((seed) => seed === data && start === methodOf(key).starts + seed);
}
