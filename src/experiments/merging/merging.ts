/** Merging: no latency, exact to the bit backwards, and one task for another. @module */

import type { DataTable, Figure } from "../../figures/figure.ts";
import { axis, baseLayout } from "../../figures/layout.ts";
import { palette } from "../../figures/palette.ts";
import { stepsOf } from "../adaptation/adaptation.ts";
import { learningRateOf, loraMethod } from "../adaptation/methods.ts";
import { loadBase } from "../base_model.ts";
import type { Experiment, ExperimentContext, Finding, PlanField } from "../experiment.ts";
import { type GlossData, glossData, openGloss, planGloss, publishAdapter } from "../gloss_runs.ts";
import { makeRuns, type PlannedRun } from "../planned_runs.ts";
import { measureMerging, type MergingResult } from "./checks.ts";
import type { Timing } from "./timing.ts";

/** The largest rank of the adaptation experiment. */
const rank = 16;

/** Latency above the base's that counts as none: what two timings of the same thing may differ by here. */
const latencyShare = 0.05;

/** F32 rounding of a logit of this size, summed over the layers it went through: far below any decision. */
const mergeTolerance = 1e-4;

/** Task A defines nouns, as the adaptation experiment does, whose run it shares; task B defines verbs. */
function tasksOf({ quick }: Pick<ExperimentContext, "quick">): GlossData[] {
  return [glossData("noun", quick), glossData("verb", quick)];
}

function planMerging(context: Pick<ExperimentContext, PlanField>): PlannedRun[] {
  const method = loraMethod(rank), learningRate = learningRateOf(method);
  const steps = stepsOf(context), [seed] = context.seeds;
  return tasksOf(context).map((data, index) =>
    planGloss({ method: method.spec, learningRate, seed, steps, data }, `task ${"AB"[index]}`)
  );
}

async function trainAdapters(context: ExperimentContext): Promise<string[]> {
  const report = (share: number, text: string) => context.report(0.9 * share, text);
  const results = await makeRuns(planMerging(context), { ...context, report });
  const names = tasksOf(context).map(({ part }) =>
    `${part}s-${loraMethod(rank).key}-seed${context.seeds[0]}`
  );
  return await Promise.all(
    results.map(({ folder }, i) => publishAdapter(folder, context.out, names[i])),
  );
}

function findings(result: MergingResult): Finding[] {
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

function mergingTable({ timings }: MergingResult): DataTable {
  return {
    id: "merging",
    title: "A forward pass of 32 sequences of 48 tokens, timed in turn",
    columns: [
      { key: "label", label: "weights", unit: "text" },
      { key: "minimum", label: "minimum (µs per token)", unit: "time" },
      { key: "median", label: "median (µs per token)", unit: "time" },
      { key: "middleHalf", label: "middle half spans (µs per token)", unit: "time" },
    ],
    rows: timings.map((timing) => ({ ...timing })),
  };
}

function mergingFigure({ timings }: MergingResult, device: string): Figure {
  return {
    id: "merging",
    title: "Cost of a forward pass per token",
    caption:
      `Median of passes timed in turn; LoRA of rank ${rank} on every linear layer; ${device}.`,
    data: [{
      type: "bar",
      orientation: "h",
      y: timings.map(({ label }) => label),
      x: timings.map(({ median }) => median),
      marker: { color: [palette.base, palette.lora[1], palette.merged] },
    }],
    layout: baseLayout(axis("µs per token"), axis("", { autorange: "reversed" }), { height: 280 }),
  };
}

/** Merged against unmerged, back again, and from one task to another. */
export const merging: Experiment = {
  name: "merging",
  title: "Merging: no latency, exact, and one task for another",
  question:
    "What does an adapter cost when the model is used, and can it be taken out again? Task A " +
    "defines nouns, task B verbs.",
  source: "Hu et al. 2021, section 4.1 and table 1",
  plan: (context) => Promise.resolve(planMerging(context)),
  async run(context) {
    const [folderA, folderB] = await trainAdapters(context);
    using model = await loadBase(context.device);
    using base = await loadBase(context.device);
    const [dataA, dataB] = tasksOf(context);
    const [{ inputs: tokens }] = await openGloss(dataA, "test", 7, 1);
    const rounds = context.quick ? 5 : 30;
    const input = { model, base, folderA, folderB, dataB, tokens, rounds };
    const result = await measureMerging(input);
    context.report(1, "merged, unmerged, switched");
    return {
      settings:
        `Two adapters of rank ${rank} on every linear layer, trained as in the comparison above. ` +
        `Timing: ${rounds} forward passes of ${tokens.shape[0]} sequences of ${
          tokens.shape[1]
        } tokens ` +
        "each, the three models in turn.",
      findings: findings(result),
      tables: [mergingTable(result)],
      figures: [mergingFigure(result, context.device.description)],
    };
  },
};
