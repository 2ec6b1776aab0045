/** From a rule to a verdict. @module */

import type { Finding, Verdict } from "./frame/claim.ts";

/** The verdict of a rule about quality, which a quick run is too short for. */
export function judge(held: boolean, quick: boolean): Verdict {
  if (quick) return "not judged (quick run)";
  return held ? "held" : "not held at this scale";
}

/**
 * A finding that is held with what `--full` measured beside it, quoted from decision 0013: fewer seeds
 * and ranks can meet a rule that all of them together did not.
 */
export function besideFull(finding: Finding, measured: string): Finding {
  if (finding.verdict !== "held") return finding;
  const quote = `Quoted from decision 0013: with --full not held, ${measured}.`;
  return { ...finding, found: `${finding.found} ${quote}` };
}
