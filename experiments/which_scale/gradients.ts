/** Norms of the gradients of A and B by rank and scale, at the start and after a few small steps. @module */

import { injectLora, type LoraAdapter } from "../../src/adapt/mod.ts";
import { crossEntropy, Tape } from "../../src/autograd/mod.ts";
import { type Batch, countTargets } from "../../src/core/batch.ts";
import type { Device } from "../../src/device/device.ts";
import type { TextModel } from "../../src/models/mod.ts";
import { train } from "../../src/train/mod.ts";
import { batchesOf, openSkillsBase, type SkillRun } from "../skills/runs.ts";
import { taskNamed } from "../skills/tasks.ts";

/** Scales by rank, and the power of r with which gradients should go. */
export const scaleRules = [
  { name: "α/r", scale: (rank: number) => alpha / rank, power: -0.5 },
  { name: "α/√r", scale: (rank: number) => alpha / Math.sqrt(rank), power: 0 },
  { name: "α", scale: () => alpha, power: 0.5 },
] as const;

const alpha = 8, smallRate = 1e-5, smallSteps = 20;

/** Ranks of a job, and of a quick one. */
export const gradientRanks = [1, 2, 4, 8, 16, 32, 64, 128] as const;

/** The task of the whole study. */
export const scaleTask = taskNamed("Caesar's cipher +5");

/** Norms at a rank. */
export interface GradientRow {
  /** The scale: {@link scaleRules}. */
  readonly scale: string;
  /** r. */
  readonly rank: number;
  /** The repeat. */
  readonly seed: number;
  /** ‖∂L/∂B‖ where B is 0. */
  readonly start: number;
  /** ‖∂L/∂A‖ after the steps. */
  readonly ofA: number;
  /** ‖∂L/∂B‖ after the steps. */
  readonly ofB: number;
}

/** Measures every scale at every rank. */
export async function gradientRows(
  device: Device,
  ranks: readonly number[],
  seed: number,
): Promise<GradientRow[]> {
  using base = await openSkillsBase(device, "trained", 0);
  const run: SkillRun = {
    ...{ method: { kind: "full" }, learningRate: 0, steps: 1, seed: 7_000_000 + seed },
    ...{ task: scaleTask, split: "validation", measured: 1 },
  };
  const [batch] = (await batchesOf(run)).train, rows: GradientRow[] = [];
  for (const [at, { name, scale }] of scaleRules.entries()) {
    for (const rank of ranks) {
      const own = 7_000_000 + 10_000 * seed + 100 * at + Math.log2(rank);
      const options = { rank, alpha: rank * scale(rank), sites: ["q", "v"], seed: own } as const;
      using adapter = injectLora(base, options);
      rows.push({ scale: name, rank, seed, ...await normsOf(base, adapter, batch) });
    }
  }
  return rows;
}

async function normsOf(base: TextModel, adapter: LoraAdapter, batch: Batch) {
  const { ofB: start } = await gradientNorms(base, adapter, batch);
  const batches = Array.from({ length: smallSteps }, () => batch);
  await train(adapter, batches, { learningRate: smallRate, steps: smallSteps }).finish();
  return { start, ...await gradientNorms(base, adapter, batch) };
}

/** ‖∂L/∂A‖ and ‖∂L/∂B‖ over all modules. */
async function gradientNorms(model: TextModel, { sites }: LoraAdapter, batch: Batch) {
  using tape = new Tape(model.device);
  const { inputs, targets } = batch, outputs = model.forward(tape, inputs);
  tape.backward(crossEntropy(tape, outputs, targets, { divisor: countTargets(targets) }));
  const norm = async (factor: "A" | "B") => {
    const gradients = sites.map((site) => tape.gradientOf(site[factor])!);
    const values = await model.device.read(...gradients);
    return Math.sqrt(values.reduce((sum, { data }) => sum + squares(data as Float32Array), 0));
  };
  return { ofA: await norm("A"), ofB: await norm("B") };
}

const squares = (values: Float32Array): number =>
  values.reduce((sum, value) => sum + value * value, 0);
