/** Full fine-tuning against LoRA at three ranks, on real text. @module */

import { join } from "node:path";
import type { RunResult } from "../../src/runs/mod.ts";
import { loadBase } from "../base_model.ts";
import type { Finding } from "../frame/claim.ts";
import type { Experiment, ExperimentContext, PlanContext } from "../frame/experiment.ts";
import { type GlossData, glossData, glossLoss, planGloss, publishAdapter } from "../gloss_runs.ts";
import { makeRuns, type PlannedRun } from "../frame/planned_runs.ts";
import { learningRateGrid } from "../learning_rates.ts";
import { memoryFinding, qualityFinding, sizeFinding } from "./findings.ts";
import { lossFigure, memoryFigure, methodTable, qualityFigure } from "./figures.ts";
import { alpha, bestLora, learningRateOf, type Method, methods } from "./methods.ts";
import { type AdaptationRun, type MethodRow, methodRows } from "./rows.ts";

/** Steps of every run of this experiment. */
export const adaptationSteps = 150;

/** Steps of a run of this experiment. */
export const stepsOf = ({ quick }: Pick<ExperimentContext, "quick">): number =>
  quick ? 10 : adaptationSteps;

const dataOf = ({ quick }: Pick<ExperimentContext, "quick">) => glossData("noun", quick);

/** Every method with every seed. */
const methodsWithSeeds = ({ seeds }: Pick<ExperimentContext, "seeds">) =>
  seeds.flatMap((seed) => methods.map((method) => ({ seed, method })));

function planAdaptation(context: PlanContext): PlannedRun[] {
  const steps = stepsOf(context), data = dataOf(context);
  return methodsWithSeeds(context).map(({ seed, method }) => {
    const learningRate = learningRateOf(method);
    const chosen = { method: method.spec, learningRate, seed, steps, data };
    return planGloss(chosen, `${method.label}, seed ${seed}`);
  });
}

async function adaptationRuns(context: ExperimentContext): Promise<AdaptationRun[]> {
  const results = await makeRuns(planAdaptation(context), context), runs: AdaptationRun[] = [];
  for (const [index, { seed, method }] of methodsWithSeeds(context).entries()) {
    const result = results[index];
    if (method.spec.kind === "lora") {
      await publishAdapter(result.folder, context.out, `nouns-${method.key}-seed${seed}`);
    }
    runs.push(await readBack(result, method));
  }
  return runs;
}

function settings({ examples, batch, length, evaluation }: GlossData, steps: number): string {
  return [
    `${steps} steps of ${batch} pairs of at most ${length} tokens, from ${examples} training pairs.`,
    "AdamW, linear schedule with 5% warm-up, clipping at norm 1.",
    `LoRA on every linear layer, α = ${alpha} at every rank: the scaling α/r falls as r grows.`,
    `Learning rates: the best of ${
      learningRateGrid.join(", ")
    } for each method on a validation split.`,
    `Held-out loss: ${evaluation.examples} pairs, whose words are in no training pair.`,
  ].join(" ");
}

async function readBack(
  { folder, spec: { seed, training }, log, ledger, metrics }: RunResult,
  { label, spec }: Method,
): Promise<AdaptationRun> {
  const weights = spec.kind === "full"
    ? join(folder, "model", "model.safetensors")
    : join(folder, "adapter", "adapter_model.safetensors");
  return {
    label,
    seed,
    learningRate: training.learningRate,
    trained: metrics.trained as number,
    loss: metrics.loss as number,
    curve: log.loss,
    peakByRole: ledger.peakByRole,
    peak: ledger.peak,
    stepMs: metrics.stepMs as number,
    checkpointBytes: (await Deno.stat(weights)).size,
  };
}

function findings(rows: readonly MethodRow[], baseLoss: number, quick: boolean): Finding[] {
  const [full, ...lora] = rows;
  const best = lora.find(({ label }) => label === bestLora().label)!;
  const quality = qualityFinding(full, best, baseLoss);
  return [
    quick ? { ...quality, verdict: "not judged (quick run)" } : quality,
    memoryFinding(full, lora),
    sizeFinding(full, lora),
  ];
}

/** Full fine-tuning and LoRA on the same task, compared in loss, bytes, time and files. */
export const adaptation: Experiment = {
  name: "adaptation",
  title: "Full fine-tuning against LoRA",
  question:
    "Does LoRA match full fine-tuning on a real task, and what does each cost? The small base " +
    "learns to write WordNet's definitions: a word and its kind in, its definition out.",
  source: "Hu et al. 2021, section 5.4 and table 3 (E2E with GPT-2), in kind",
  runs: (context) => Promise.resolve(planAdaptation(context)),
  async run(context) {
    const runs = await adaptationRuns(context), rows = methodRows(runs), data = dataOf(context);
    using base = await loadBase(context.device);
    const baseLoss = await glossLoss(base, data);
    return {
      settings: settings(data, stepsOf(context)),
      findings: findings(rows, baseLoss, context.quick),
      tables: [methodTable(rows, baseLoss)],
      figures: [
        qualityFigure(rows, baseLoss),
        lossFigure(rows, Math.floor(data.examples / data.batch) + 1, context.device.description),
        memoryFigure(rows),
      ],
    };
  },
};
