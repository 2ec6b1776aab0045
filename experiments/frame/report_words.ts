/** Words of the main job's report around its experiments. @module */

import { fileURLToPath } from "node:url";
import { checkedOutCommit } from "./checkout.ts";
import { bibtex, version } from "../../src/core/program.ts";
import type { Device } from "../../src/device/device.ts";
import { isGood, isJudged } from "../../src/figures/html.ts";
import { methodPicture } from "../../src/figures/pictures.ts";
import { notQuiet, tooFew, tooNear } from "../../src/paper/claim.ts";
import type { ReportWords } from "./job.ts";
import {
  countVerdicts,
  isDone,
  type JudgedClaim,
  type Meaning,
  type Report,
} from "../../src/report/report.ts";
import { causes, messageOf, topics } from "./message.ts";
import type { PlanContext } from "./planned_runs.ts";

/** Words that are the same in every report. */
export const words = {
  title: "LoRA, reproduced",
  lead: "LoRA (low-rank adaptation, Hu et al. 2021) leaves a model's weights W as they are and " +
    "trains, for some of them, an update ΔW = s·B·A of small rank r. This report checks what the " +
    "paper claims: exactly, where counting the tensors and bytes of GPT-3 175B is enough, and at " +
    "small scale, with models that this machine trains in minutes, where it is not. Each section " +
    "has the rule beside the verdict. Rules were written before the runs; a rule that was corrected " +
    "after a run is marked.",
  picture: methodPicture(),
  message: messageOf,
  topics,
  causes,
  verdicts: [
    ["reproduced", "what the paper says is what was found, by the rule in its section"],
    [
      "not reproduced at this scale",
      "the rule fails with a model that knows too little, or by less than the noise, which is undecided; larger " +
      "models, or more seeds, may decide otherwise",
    ],
    ["differs", "a number that the paper prints is not the one that follows from its settings"],
    [
      "not reproduced",
      "the rule fails, and the small scale is no explanation: the base knows what its task is made of, and the rule " +
      "is missed by more than the noise",
    ],
    ["holds", "the same as reproduced, for a claim that the paper does not make"],
    ["does not hold", "the rule of a claim that the paper does not make fails"],
    [notQuiet, "a time, where the same work timed twice differs too much; not counted"],
    [
      tooNear,
      "a time that is not clearly on one side of the rule's mark; not counted",
    ],
    [tooFew, "a time of fewer than 11 rounds, as in runs before 2026-11-30; not counted"],
    ["not judged (quick run)", "too few steps to say anything about quality, or rounds about time"],
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
    [
      "in A, in ΔW, left, right",
      "where directions are taken from: the rows of A, or those of ΔW on the side of its outputs (left) " +
      "or inputs (right)",
    ],
    [
      "ΔW·S^½",
      "an update in the metric of the inputs x, with S = E[x xᵀ]: what it does to outputs",
    ],
    [
      "S, white inputs",
      "S is the mean of x xᵀ over the inputs x; they are white where S is the identity",
    ],
    [
      "amplification, W's own",
      "with U, V the top r directions of ΔW: ‖ΔW‖ over ‖UᵀWV‖, which says how little of W is there; " +
      "W's own is the same norm of W in its own top r directions",
    ],
    ["Gaussian updates, random", "matrices of random numbers in place of ΔW: what chance gives"],
    ["± one draw", "the standard deviation of one such random value, not of their mean"],
    [
      "planted, known answer",
      "a task that was made so that the right rank or the right directions are known; r* is that rank",
    ],
    ["dry device", "a device that counts the bytes of a training step and computes nothing"],
    [
      "ledger",
      "a device's list of what its memory holds, by role: weights, gradients, activations",
    ],
    [
      "the base",
      "the model before adaptation, which has been trained on other texts where it is a language model",
    ],
    ["seed", "what all random numbers of a run follow from; several seeds show the spread"],
  ] satisfies Meaning[],
};

/** Words of a report around its experiments, and how it was made. */
export async function wordsOf(device: Device, plan: PlanContext): Promise<ReportWords> {
  const here = import.meta.url, root = new URL("../..", here);
  const full = here.startsWith("file:") ? await checkedOutCommit(fileURLToPath(root)) : undefined;
  const commit = full?.slice(0, 7);
  const citation = { name: "lowrank.bib", type: "text/x-bibtex", text: bibtex(full) };
  return { ...words, facts: factsOf(device, plan, commit), citation };
}

function factsOf(device: Device, { seeds, quick }: PlanContext, commit?: string): Report["facts"] {
  const spread = seeds.length > 1 ? "" : " (one seed: no error bars)";
  return [
    ["version", version],
    ...(commit ? [["commit", commit] as const] : []),
    ["device", device.description],
    ["seeds", seeds.join(", ") + spread],
    ...(quick ? [["note", "quick run: too few steps to judge claims about quality"] as const] : []),
  ];
}

type Placed = JudgedClaim & { readonly id: string };

/**
 * Counts the claims of each verdict, the paper's and those beyond it, and names the experiments of
 * the failed ones.
 */
export function tallies({ sections, verdicts }: Report): string[] {
  const all = sections.filter(isDone).flatMap(({ id, findings }) =>
    findings.map((finding): Placed => ({ ...finding, id }))
  );
  const groups = Map.groupBy(
    all,
    ({ beyond }) => beyond ? "beyond the paper" : "the paper's claims",
  );
  return Array.from(groups, ([name, claims]) => {
    const counts = countVerdicts(claims, verdicts).map(([verdict, count]) => {
      const where = claims.filter((claim) => claim.verdict === verdict).map(({ id }) => id);
      const names = isGood(verdict) ? "" : ` (${[...new Set(where)].join(", ")})`;
      return `${verdict}: ${count}${names}`;
    });
    return `${name}, ${claims.filter(({ verdict }) => isJudged(verdict)).length} judged: ${
      counts.join("; ")
    }`;
  });
}
