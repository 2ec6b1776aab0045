/** What merging came to, by rules that were written before any run. @module */

import type { Finding } from "../frame/claim.ts";
import type { MergingResult } from "./checks.ts";
import type { Timing } from "./timing.ts";

/** Latency above the base's that counts as none: what two timings of the same thing may differ by here. */
const latencyShare = 0.05;

/** F32 rounding of a logit of this size, summed over the layers it went through: far below any decision. */
const mergeTolerance = 1e-4;

/** One for each claim. */
export function mergingFindings(result: MergingResult): Finding[] {
  return [latencyFinding(result.timings), exactFinding(result), switchFinding(result)];
}

function latencyFinding(timings: readonly Timing[]): Finding {
  const [base, unmerged, merged] = timings;
  const share = (timing: Timing) => {
    const percent = 100 * (timing.median / base.median - 1);
    return `${Math.abs(percent).toFixed(1)}% ${percent < 0 ? "faster" : "slower"}`;
  };
  return {
    claim: "A merged adapter adds no latency",
    rule: `held when the median forward pass of the merged model is at most ${
      100 * latencyShare
    }% slower than the base's, timed in turn`,
    found:
      `The merged model is ${share(merged)} and the unmerged one ${share(unmerged)} than the ` +
      `base, whose median is ${base.median.toFixed(1)} µs per token.`,
    verdict: merged.median <= base.median * (1 + latencyShare) ? "held" : "not held at this scale",
  };
}

function exactFinding({ mergeError, changedBits, largestLogit }: MergingResult): Finding {
  return {
    claim: "Merging changes outputs by rounding only, and unmerging restores every bit",
    rule:
      `held when merged and unmerged logits differ by at most ${mergeTolerance} of the largest ` +
      "logit and no bit of the base's weights and logits changed",
    found: `logits up to ${largestLogit.toFixed(1)} differ by at most ${
      mergeError.toExponential(1)
    }; ${changedBits} of the base's numbers changed.`,
    verdict: mergeError <= mergeTolerance * largestLogit && changedBits === 0
      ? "held"
      : "not held at this scale",
  };
}

function switchFinding({ switchError, largestLogit, lossOnB }: MergingResult): Finding {
  return {
    claim: "Subtracting one BA and adding another switches the task",
    rule:
      `held when the logits after the exchange differ from those of a fresh merge by at most ${mergeTolerance} of the largest logit`,
    found: `Logits after the exchange and after a fresh merge differ by at most ${
      switchError.toExponential(1)
    }; loss on task B: base ${lossOnB.base.toFixed(3)}, adapter B ${
      lossOnB.unmerged.toFixed(3)
    }, after the exchange ${lossOnB.switched.toFixed(3)}.`,
    verdict: switchError <= mergeTolerance * largestLogit ? "held" : "not held at this scale",
  };
}
