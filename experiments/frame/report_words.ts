/** What the report of the main job says around its experiments. @module */

import { fileURLToPath } from "node:url";
import { checkedOutCommit } from "../../src/core/checkout.ts";
import { bibtex } from "../../src/core/citation.ts";
import { version } from "../../src/core/version.ts";
import type { Device } from "../../src/device/device.ts";
import type { Meaning, Report } from "../../src/figures/report.ts";
import type { PlanContext } from "./planned_runs.ts";

/** What is the same in every report. */
export const words = {
  title: "LoRA, reproduced",
  lead: "LoRA (low-rank adaptation, Hu et al. 2021) leaves a model's weights W as they are and " +
    "trains, for some of them, an update ΔW = s·B·A of small rank r. This report checks what the " +
    "paper claims: exactly, where counting the tensors and bytes of GPT-3 175B is enough, and at " +
    "small scale, with models that this machine trains in minutes, where it is not. The rule behind " +
    "each verdict was written before the run.",
  verdicts: [
    ["reproduced", "what the paper says is what was found, by the rule beside it"],
    [
      "not reproduced at this scale",
      "the rule fails with a small model and a short training; larger ones may decide otherwise",
    ],
    ["differs", "a number that the paper prints is not the one that follows from its settings"],
    ["not reproduced", "the rule fails, and the small scale is no explanation"],
    ["holds", "the same as reproduced, for a claim that the paper does not make"],
    [
      "holds here, not with --full",
      "it holds in this run, and failed with three seeds and all ranks",
    ],
    ["does not hold", "the rule of a claim that the paper does not make fails"],
    ["not judged (quick run)", "too few steps to say anything about quality"],
  ] satisfies Meaning[],
  terms: [
    [
      "r, A, B, s",
      "the rank; the two trained matrices, A with r rows and B with r columns; the scaling α/r",
    ],
    ["q, k, v, o", "the projections to queries, keys and values, and of the output, in attention"],
    ["full fine-tuning", "training all weights of the model, which LoRA is compared with"],
    [
      "held-out loss, nats",
      "mean of −ln p over the tokens of texts that were not trained on; less is better",
    ],
    [
      "φ(i, j)",
      "how much the first i directions of one adapter and the first j of another share: 1 if the smaller " +
      "set is within the larger, 0 if they are orthogonal, max(i, j)/d by chance in d dimensions",
    ],
    ["ΔW·S^½", "an update in the metric of the inputs x, S = E x xᵀ: what it does to outputs"],
    ["the base", "the model before adaptation"],
    ["seed", "what all random numbers of a run follow from; several seeds show the spread"],
  ] satisfies Meaning[],
  citation: { name: "lowrank.bib", type: "text/x-bibtex", text: bibtex },
};

/** How a report was made. */
export async function factsOf(
  device: Device,
  { seeds, quick }: PlanContext,
): Promise<Report["facts"]> {
  const here = import.meta.url, root = new URL("../..", here);
  const commit = here.startsWith("file:") && await checkedOutCommit(fileURLToPath(root));
  const spread = seeds.length > 1 ? "" : " (one seed: differences have no error bars)";
  return [
    ["version", version],
    ...(commit ? [["commit", commit.slice(0, 7)] as const] : []),
    ["device", device.description],
    ["seeds", seeds.join(", ") + spread],
    ...(quick ? [["note", "quick run: too few steps to judge claims about quality"] as const] : []),
  ];
}
