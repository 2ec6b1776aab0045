/** The methods that are compared, with learning rates that were searched beforehand. @module */

import type { PartOfSpeech } from "../../src/data/mod.ts";
import type { MethodSpec } from "../../src/runs/mod.ts";
import { type GlossRun, shortGlossData } from "../gloss_runs.ts";
import found from "./learning_rates.json" with { type: "json" };

/** A method with its name in tables. */
export interface Method {
  readonly key: string; // key in `learning_rates.json`
  readonly label: string; // name in tables and figures
  readonly spec: MethodSpec; // what is trained
}

/** α is one constant for all ranks, as in the paper's section 4.1. */
export const alpha = 16;

/** LoRA on every linear layer at one rank. */
export function loraMethod(rank: number): Method {
  const spec = { kind: "lora", rank, alpha, sites: "all" } as const;
  return { key: `lora-${rank}`, label: `LoRA, r = ${rank}`, spec };
}

/** Full fine-tuning, then LoRA on every linear layer at three ranks. */
export const methods: readonly Method[] = [
  { key: "full", label: "full fine-tuning", spec: { kind: "full" } },
  ...[1, 4, 16].map(loraMethod),
];

/** Methods of a job: only `full` has the rank between the smallest and the largest. */
export const methodsOf = (full: boolean): readonly Method[] =>
  methods.filter(({ key }) => full || key !== "lora-4");

/** Rates that are tried, the same for every method. */
export const learningRateGrid: readonly number[] = [3e-4, 1e-3, 3e-3, 1e-2, 3e-2];

/** The rate with the lowest loss; a loss of `null` is that of a training that diverged. */
export function bestRate(
  losses: Readonly<Record<string, number | null>>,
): { learningRate: number; loss: number } {
  const tried = Object.entries(losses).map(([rate, loss]) => ({
    learningRate: Number(rate),
    loss: loss ?? Infinity,
  }));
  return tried.reduce((best, next) => next.loss < best.loss ? next : best);
}

/** The best rate of the grid on a split that is reported nowhere (`scripts/search_learning_rates.ts`). */
export const learningRateOf = (method: Method): number => bestOf(method).learningRate;

function bestOf({ key }: Method): { learningRate: number; loss: number } {
  const losses: Record<string, Record<string, number | null>> = found.losses;
  return bestRate(losses[key]);
}

/** Steps of every run of the comparison. */
export const adaptationSteps = 120;

/** A method's run on the words of one kind. */
export function adaptationRun(
  method: Method,
  part: PartOfSpeech,
  seed: number,
  quick: boolean,
): GlossRun {
  const steps = quick ? 10 : adaptationSteps, data = shortGlossData(part, quick);
  return { method: method.spec, learningRate: learningRateOf(method), seed, steps, data };
}
