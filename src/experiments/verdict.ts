/** From a rule to a verdict. @module */

import type { Verdict } from "./experiment.ts";

/** The verdict of a rule about quality, which a quick run is too short for. */
export function judge(held: boolean, quick: boolean): Verdict {
  if (quick) return "not judged (quick run)";
  return held ? "held" : "not held at this scale";
}
