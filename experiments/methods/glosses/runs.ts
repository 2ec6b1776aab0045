/** Runs of every method on glosses. @module */

import { adaptationSteps } from "../../adaptation/methods.ts";
import { measuredOn, planGloss, shortGlossData } from "../../gloss_runs.ts";
import type { PlannedRun } from "../../frame/mod.ts";
import type { GlossRun } from "../../gloss_runs.ts";
import type { GlossSplit } from "../../../src/data/mod.ts";
import type { MethodSize } from "../methods.ts";

/** A run of the study, of which rate, seed and measured split are chosen. */
export interface MethodRun {
  /** Its rate. */
  readonly learningRate: number;
  /** Its seed. */
  readonly seed: number;
  /** What it is measured on. */
  readonly split: Exclude<GlossSplit, "train">;
  /** Whether a few steps are enough. */
  readonly quick?: boolean;
}

/** Steps of a quick run. */
const quickSteps = 4;

/** A method's run: those of experiment `adaptation`, which it shares where the rates are the same. */
export function planMethod(
  { spec: method, loraPlusRatio, size }: MethodSize,
  label: string,
  { learningRate, seed, split, quick = false }: MethodRun,
): PlannedRun<GlossRun> {
  const data = { ...shortGlossData("noun", quick), evaluation: measuredOn(split, quick) };
  const steps = quick ? quickSteps : adaptationSteps;
  return planGloss(
    { method, learningRate, loraPlusRatio, seed, steps, data },
    `${label}, ${size}, seed ${seed}`,
  );
}
