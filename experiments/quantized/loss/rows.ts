/** What `quantized-loss` measures, and what its rules read of it. @module */

import { mean } from "../../../src/core/numbers.ts";
import { adaptationRun, loraMethod, methods } from "../../adaptation/methods.ts";
import { loadBase } from "../../base_model.ts";
import { seedNoise } from "../../differences.ts";
import type { ExperimentContext, MadeRun, PlanContext, PlannedRun } from "../../frame/mod.ts";
import { glossLoss, planGloss, shortGlossData } from "../../gloss_runs.ts";
import { inF32, type LossBase, lossBases, readBases } from "./bases.ts";

/** Full fine-tuning, and LoRA on every linear layer. */
const full = methods.find(({ key }) => key === "full")!, lora = loraMethod(16);

/** What is trained on which base. */
export interface LossMethod {
  /** The base. */
  readonly base: LossBase;
  /** Nothing, everything, or LoRA. */
  readonly trained: "nothing" | "everything" | "LoRA";
}

/** The held-out loss of one run. */
export interface LossRow {
  /** How the base is stored. */
  readonly base: string;
  /** What is trained. */
  readonly trained: LossMethod["trained"];
  /** Seed of the run; absent where nothing is trained. */
  readonly seed?: number;
  /** Nats per token. */
  readonly loss: number;
}

/** Full fine-tuning in F32, and LoRA on every base, by seed. */
export function lossRuns({ seeds, quick }: PlanContext): PlannedRun<LossRow>[] {
  const bases = quick ? readBases : lossBases;
  const wanted: LossMethod[] = [
    { base: inF32, trained: "everything" },
    ...bases.map((base): LossMethod => ({ base, trained: "LoRA" })),
  ];
  return seeds.flatMap((seed) =>
    wanted.map(({ base, trained }) => {
      const own = adaptationRun(trained === "LoRA" ? lora : full, "noun", seed, quick);
      // Those in F32 are runs of `adaptation`, and share their folders.
      const run = base === inF32 ? own : { ...own, base: base.options };
      const label = `${trained} on ${base.label}, seed ${seed}`;
      return { ...planGloss(run, label), chosen: { base: base.label, trained, seed, loss: NaN } };
    })
  );
}

/** The rows of all runs, and of the bases that are not trained. */
export async function lossRows(
  made: readonly MadeRun<LossRow>[],
  { device, quick }: ExperimentContext,
): Promise<LossRow[]> {
  const rows = made.map(({ chosen, metrics }): LossRow => {
    return { ...chosen, loss: metrics.loss as number };
  });
  const labels = new Set(rows.map(({ base }) => base)), data = shortGlossData("noun", quick);
  for (const { label, options } of lossBases.filter(({ label }) => labels.has(label))) {
    using base = await loadBase(device, options);
    rows.push({ base: label, trained: "nothing", loss: await glossLoss(base, data) });
  }
  return rows;
}

/** The losses of all seeds. */
export const lossesOf = (
  rows: readonly LossRow[],
  { base, trained }: LossMethod,
): readonly number[] =>
  rows.filter((row) => row.base === base.label && row.trained === trained).map(({ loss }) => loss);

/** The noise floor of a difference of two methods, from all of them; NaN with a single seed. */
export function lossNoise(rows: readonly LossRow[]): number {
  const trained = rows.filter(({ trained }) => trained !== "nothing");
  const groups = [...Map.groupBy(trained, ({ base, trained }) => `${base} ${trained}`).values()];
  return seedNoise(groups.map((own) => own.map(({ loss }) => loss)));
}

/** How far one method's mean loss is above another's. */
export function lossAbove(rows: readonly LossRow[], a: LossMethod, b: LossMethod): number {
  const [one, other] = [a, b].map((method) => mean(lossesOf(rows, method)));
  return one - other;
}

/** Whether it is above by more than the noise floor. */
export const isWorse = (rows: readonly LossRow[], a: LossMethod, b: LossMethod): boolean =>
  lossAbove(rows, a, b) > lossNoise(rows);
