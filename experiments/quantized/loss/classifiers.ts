/** The classifiers of `quantized-loss`: 2,000 dictionary entries, and 1,280 short texts of each public task. @module */

import type { StorageOptions } from "../../../src/models/mod.ts";
import type { MethodSpec } from "../../../src/runs/mod.ts";
import type { PlannedRun } from "../../frame/mod.ts";
import { openStudy, planText, type TextSizes, type TextStudy } from "../../methods/texts/runs.ts";
import { findTextData, type TextTask } from "../../methods/texts/tasks.ts";
import { planSupersenses } from "../../supersenses/runs.ts";
import { supersenseSizes } from "../../supersenses/task.ts";

/** Key of a method. */
export type ClassifierKey = "full" | "lora-all";

/** Full fine-tuning, or LoRA on every linear layer, beside a new head. */
const specs: Readonly<Record<ClassifierKey, MethodSpec>> = {
  full: { kind: "full" },
  "lora-all": { kind: "lora", rank: 2, alpha: 2, sites: "all", modulesToSave: ["classifier"] },
};

/** A run of such a method, on a base in some form. */
export interface ClassifierRun {
  /** The method. */
  readonly key: ClassifierKey;
  /** Its seed. */
  readonly seed: number;
  /** Storage of the base. Default: in F32. */
  readonly base?: StorageOptions;
}

/** The best of three rates on other texts in F32 (decisions 0027 and 0031). */
const entryRates = { full: 3e-3, "lora-all": 1e-2 }, textRates = { full: 3e-4, "lora-all": 1e-2 };

/** Four passes over the entries. */
const entrySteps = 500;

/** A run on dictionary entries. */
export function planEntries({ key, ...run }: ClassifierRun, quick: boolean): PlannedRun {
  const sizes = quick ? { train: 32, validation: 32, test: 32 } : supersenseSizes;
  const method = { key, label: key, spec: specs[key] }, learningRate = entryRates[key];
  return planSupersenses(
    { ...run, method, learningRate, part: "test" },
    sizes,
    quick ? 2 : entrySteps,
  );
}

/** One pass over short texts, of which the rate rises in 5%. */
const shortTexts: TextSizes = {
  ...{ train: 1280, validation: 256, test: 500, words: 16 },
  ...{ batch: 16, passes: 1, warmup: 0.05, window: 8, clipNorm: 1 },
};

const quickTexts = { ...shortTexts, train: 32, validation: 32, test: 32 };

/** The base and the tasks, if `LOWRANK_DATA` has them. */
export async function openShortTexts(quick: boolean): Promise<TextStudy | undefined> {
  const data = await findTextData();
  return data === undefined ? undefined : openStudy(data, () => quick ? quickTexts : shortTexts);
}

/** A run on short texts. */
export function planShortTexts(
  study: TextStudy,
  task: TextTask,
  { key, ...run }: ClassifierRun,
): PlannedRun {
  const method = { spec: specs[key] }, learningRate = textRates[key];
  return planText(study, { ...run, task, method, learningRate, part: "test" }, key);
}
