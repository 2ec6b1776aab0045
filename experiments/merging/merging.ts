/** Merging: no latency, exact to the bit backwards, and one task for another. @module */

import type { RunResult } from "../../src/runs/mod.ts";
import { adaptationRun, loraMethod } from "../adaptation/methods.ts";
import { loadBase } from "../base_model.ts";
import { type Experiment, experiment, type ExperimentContext } from "../frame/mod.ts";
import { glossData, openGloss, planGloss, publishAdapter } from "../gloss_runs.ts";
import { latencyFigure, latencyTable, type Timing } from "../../src/inspect/mod.ts";
import { measureMerging } from "./measure.ts";

/** The largest rank of the adaptation experiment. */
const rank = 16, method = loraMethod(rank);

/** Task A defines nouns, as the adaptation experiment does, whose run it shares; task B defines verbs. */
const parts = ["noun", "verb"] as const;

async function mergingRows(made: readonly RunResult[], context: ExperimentContext) {
  const { device, out, seeds: [seed], quick } = context;
  const [dataA, dataB] = parts.map((part) => glossData(part, quick));
  const [folderA, folderB] = await Promise.all(
    made.map(({ folder }, i) =>
      publishAdapter(folder, out, `${parts[i]}s-${method.key}-seed${seed}`)
    ),
  );
  using model = await loadBase(device);
  using base = await loadBase(device);
  const [{ inputs }] = await openGloss(dataA, "test", 7, 1), rounds = quick ? 5 : 30;
  const input = { model, base, folderA, folderB, dataB, inputs, rounds };
  return { ...await measureMerging(input), rounds, shape: inputs.tokens.shape };
}

/** Latency above the base's that counts as none: what two timings of the same thing may differ by here. */
const latencyShare = 0.05;

/** F32 rounding of a logit of this size, summed over the layers it went through: far below any decision. */
const tolerance = 1e-4;

/** Merged against unmerged, back again, and from one task to another. */
export const merging: Experiment = experiment({
  name: "merging",
  title: "Merging: no latency, exact, and one task for another",
  question:
    "What does an adapter cost when the model is used, and can it be taken out again? Task A " +
    "defines nouns, task B verbs.",
  source: "Hu et al. 2021, section 4.1 and table 1",
  settings: ({ rounds, shape: [batch, time] }) =>
    `Two adapters of rank ${rank} on every linear layer, trained as in the comparison above. ` +
    `Timing: ${rounds} forward passes of ${batch} sequences of ${time} tokens each, the three ` +
    "models in turn.",
  runs: ({ seeds: [seed], quick }) =>
    parts.map((part, index) =>
      planGloss(adaptationRun(method, part, seed, quick), `task ${"AB"[index]}`)
    ),
  rows: mergingRows,
  claims: [{
    text: "A merged adapter adds no latency",
    rule: `held when the median forward pass of the merged model is at most ${
      100 * latencyShare
    }% slower than the base's, timed in turn`,
    scale: true,
    quick: true,
    holds: ({ timings: [base, , merged] }) => merged.median <= base.median * (1 + latencyShare),
    found({ timings: [base, unmerged, merged] }) {
      const share = (timing: Timing) => {
        const percent = 100 * (timing.median / base.median - 1);
        return `${Math.abs(percent).toFixed(1)}% ${percent < 0 ? "faster" : "slower"}`;
      };
      return `The merged model is ${share(merged)} and the unmerged one ${
        share(unmerged)
      } than the ` +
        `base, whose median is ${base.median.toFixed(1)} µs per token.`;
    },
  }, {
    text: "Merging changes outputs by rounding only, and unmerging restores every bit",
    rule: `held when merged and unmerged logits differ by at most ${tolerance} of the largest ` +
      "logit and no bit of the base's weights and logits changed",
    holds: ({ mergeError, largestLogit, changedBits }) =>
      mergeError <= tolerance * largestLogit && changedBits === 0,
    found: ({ mergeError, largestLogit, changedBits }) =>
      `logits up to ${largestLogit.toFixed(1)} differ by at most ${mergeError.toExponential(1)}; ` +
      `${changedBits} of the base's numbers changed.`,
  }, {
    text: "Subtracting one BA and adding another switches the task",
    rule: "held when the logits after the exchange differ from those of a fresh merge by at most " +
      `${tolerance} of the largest logit`,
    holds: ({ switchError, largestLogit }) => switchError <= tolerance * largestLogit,
    found: ({ switchError, lossOnB: { base, unmerged, switched } }) =>
      `Logits after the exchange and after a fresh merge differ by at most ${
        switchError.toExponential(1)
      }; loss on task B: base ${base.toFixed(3)}, adapter B ${unmerged.toFixed(3)}, after the ` +
      `exchange ${switched.toFixed(3)}.`,
  }],
  tables: [({ timings, shape }) => latencyTable(timings, shape)],
  figures: [({ timings }, { device }) => latencyFigure(timings, rank, device.description)],
});
