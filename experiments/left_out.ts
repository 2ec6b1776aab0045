/** Experiments that were asked for and not run. @module */

import type { Outcome } from "./frame/experiment.ts";

/** Nothing but a sentence that says why. */
export function leftOut(why: string): Outcome {
  return { settings: `Left out: ${why}.`, findings: [], tables: [], figures: [] };
}
