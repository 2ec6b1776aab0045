/** What full fine-tuning and LoRA came to, by rules that were written before any run. @module */

import type { Finding } from "../frame/claim.ts";
import type { MethodRow } from "./rows.ts";

/** A share of full fine-tuning's loss within which LoRA counts as on a par; written before any run. */
const parShare = 0.01;

/** Whether LoRA, of a rank that was chosen beforehand, does as well as full fine-tuning. */
export function qualityFinding(full: MethodRow, best: MethodRow, baseLoss: number): Finding {
  const held = best.loss <= full.loss * (1 + parShare);
  return {
    claim: "LoRA is on a par with full fine-tuning in quality",
    rule: `held when LoRA's held-out loss is at most ${
      100 * parShare
    }% above full fine-tuning's, its rank and both learning rates chosen on another split`,
    found: `${best.label} (the rank that did best on that split): ${
      best.loss.toFixed(3)
    } nats per token; full fine-tuning: ${full.loss.toFixed(3)}; the base before: ${
      baseLoss.toFixed(3)
    }.`,
    verdict: held ? "held" : "not held at this scale",
  };
}

/** Whether a step of LoRA takes a third of the bytes at every rank. */
export function memoryFinding(full: MethodRow, lora: readonly MethodRow[]): Finding {
  const state = ({ first: { peakByRole } }: MethodRow) =>
    peakByRole.gradient + peakByRole.optimizer;
  const largest = lora.reduce((a, b) => b.first.peak > a.first.peak ? b : a);
  return {
    claim: "LoRA trains in a third of the memory",
    rule: "held when the peak bytes of a step, all roles together, are at most a third of full " +
      "fine-tuning's at every rank; the paper's figure leaves activations out of the account",
    found:
      `${largest.label} needs ${(100 * largest.first.peak / full.first.peak).toFixed(0)}% of ` +
      `full fine-tuning's peak: gradients and moments fall to ${
        (100 * state(largest) / state(full)).toFixed(1)
      }%, while weights and activations stay.`,
    verdict: largest.first.peak <= full.first.peak / 3 ? "held" : "not held at this scale",
  };
}

/** Whether what is kept for the task is less than half at every rank. */
export function sizeFinding(full: MethodRow, lora: readonly MethodRow[]): Finding {
  const smaller = lora.every(({ first }) => first.checkpointBytes < full.first.checkpointBytes / 2);
  const list = lora.map(({ label, first }) =>
    `${label}: ${(full.first.checkpointBytes / first.checkpointBytes).toFixed(1)} times smaller`
  );
  return {
    claim: "What is kept for each task shrinks to the adapter",
    rule:
      "held when the adapter's file is less than half of the full checkpoint at every rank; the " +
      "factor itself is a matter of the model's width",
    found: `${list.join("; ")} than the full checkpoint in F32.`,
    verdict: smaller ? "held" : "not held at this scale",
  };
}
