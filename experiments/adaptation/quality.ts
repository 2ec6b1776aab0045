/** Tests if LoRA is on par with full fine-tuning. @module */

import type { MethodRow } from "../../src/inspect/mod.ts";
import said from "../../src/paper/printed/claims.json" with { type: "json" };
import { measured } from "../../src/paper/printed/mod.ts"; // paper/mod.ts would load mathjs
import { type Claim, type Finding, judge, type PrintedCase } from "../frame/mod.ts";

/** A share of full fine-tuning's loss within which LoRA counts as on par; written before any run. */
const parShare = 0.01;

interface QualityRows {
  readonly full: Pick<MethodRow, "loss">;
  readonly best: Pick<MethodRow, "loss" | "label">;
  readonly baseLoss: number;
}

/** Printed scores as wrong answers, in percent: the paper prints no loss of full fine-tuning. */
const printedQuality = [
  ["WikiSQL", "table15", "FT", "LoRA, r_q = r_v = 8", "WikiSQL"],
  ["MNLI", "table15", "FT", "LoRA, r_q = r_v = 8", "MNLI-m"],
  ["RoBERTa base", "table2", "RoBERTa base, FT", "RoBERTa base, LoRA", "average"],
  ["RoBERTa large", "table2", "RoBERTa large, FT", "RoBERTa large, LoRA", "average"],
  ["DeBERTa XXL", "table2", "DeBERTa XXL, FT", "DeBERTa XXL, LoRA", "average"],
].map(([where, table, full, label, column]): PrintedCase<QualityRows> => {
  const wrong = (row: string) => 100 - Number(measured(table, row, column));
  return {
    where: `wrong answers of ${table.replace("table", "table ")}: ${where}`,
    rows: { full: { loss: wrong(full) }, best: { label, loss: wrong(label) }, baseLoss: 100 },
  };
});

/** The paper's first claim. */
export const qualityClaim: Claim<QualityRows> = {
  text: "LoRA is on par with full fine-tuning in quality",
  rule: `when LoRA's held-out loss is at most ${100 * parShare}% above full fine-tuning's, ` +
    "with its rank and both learning rates chosen on another split",
  scale: true,
  ...said.quality,
  why: "A higher rank comes closer (none above 16 was tried), so the rank is a part of it. A " +
    "guess: the small base knows nothing of definitions, and has more to learn than such " +
    "updates hold. No larger base and no longer training was tried.",
  paper: printedQuality,
  ours: ({ full, best }) => `${best.loss.toFixed(3)} nats; full ${full.loss.toFixed(3)}`,
  holds: ({ full, best }) => best.loss <= full.loss * (1 + parShare),
  found: ({ full, best, baseLoss }) =>
    `${best.label} did best on that split; its loss is ${
      (100 * best.loss / full.loss).toFixed(1)
    }% of full fine-tuning's. The base alone: ${baseLoss.toFixed(3)}.`,
};

/**
 * Compares LoRA, of a rank that was chosen beforehand, with full fine-tuning.
 *
 * @throws {RangeError} when the runs are not of the same number of steps.
 */
export function qualityFinding(full: MethodRow, best: MethodRow, baseLoss: number): Finding {
  const steps = [full, best].flatMap(({ runs }) => runs.map(({ curve }) => curve.length));
  if (new Set(steps).size > 1) {
    throw new RangeError(
      `comparing methods needs runs of the same number of steps, found ${steps.join(" and ")}`,
    );
  }
  return judge(qualityClaim, { full, best, baseLoss }, false);
}
