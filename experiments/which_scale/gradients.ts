/** Norms of the gradients of A and B by rank and scale, at the start and after a few small steps. @module */

import { injectLora, type LoraAdapter } from "../../src/adapt/mod.ts";
import { crossEntropy, Tape } from "../../src/autograd/mod.ts";
import { type Batch, countTargets } from "../../src/core/batch.ts";
import { mean } from "../../src/core/numbers.ts";
import type { Device } from "../../src/device/device.ts";
import type { TextModel } from "../../src/models/mod.ts";
import { train } from "../../src/train/mod.ts";
import { batchesOf, openSkillsBase, type SkillRun } from "../skills/runs.ts";
import { taskNamed } from "../skills/tasks.ts";

/** Scales by rank. */
export const scaleRules = [
  { name: "α/r", scale: (rank: number) => alpha / rank },
  { name: "α/√r", scale: (rank: number) => alpha / Math.sqrt(rank) },
  { name: "α", scale: () => alpha },
] as const;

const alpha = 8, smallRate = 1e-7, smallSteps = 5;

/** Draws of A at every rank. */
export const draws = 8;

/** Ranks of a job, and of a quick one. */
export const gradientRanks = [1, 2, 4, 8, 16, 32, 64, 128] as const;

/** The task of the whole study. */
export const scaleTask = taskNamed("Caesar's cipher +5");

/** Norms with s = 1: at another scale they are s times as large. */
export interface GradientRow {
  /** r. */
  readonly rank: number;
  /** ‖∂L/∂B‖ where B is 0, the root mean square of the draws, like the others. */
  readonly start: number;
  /** ‖∂L/∂A‖ after the steps. */
  readonly ofA: number;
  /** ‖∂L/∂B‖ after the steps. */
  readonly ofB: number;
}

/** Measures every rank. */
export async function gradientRows(
  device: Device,
  { ranks, draws, seed }: {
    readonly ranks: readonly number[];
    readonly draws: number;
    readonly seed: number;
  },
): Promise<GradientRow[]> {
  using base = await openSkillsBase(device, "trained", 0);
  const run: SkillRun = {
    ...{ method: { kind: "full" }, learningRate: 0, steps: 1, seed: 7_000_000 + seed },
    ...{ task: scaleTask, split: "validation", measured: 1 },
  };
  const [batch] = (await batchesOf(run)).train, rows: GradientRow[] = [];
  for (const [at, rank] of ranks.entries()) {
    const found: Norms[] = [];
    for (let draw = 0; draw < draws; draw++) {
      const own = 7_000_000 + 10_000 * seed + 100 * (at + 1) + draw;
      using adapter = injectLora(base, { rank, alpha: rank, sites: ["q", "v"], seed: own });
      found.push(await normsOf(base, adapter, batch));
    }
    const of = (norm: keyof Norms) => Math.sqrt(mean(found.map((norms) => norms[norm] ** 2)));
    rows.push({ rank, start: of("start"), ofA: of("ofA"), ofB: of("ofB") });
  }
  return rows;
}

/** The norms of a draw. */
type Norms = Omit<GradientRow, "rank">;

async function normsOf(base: TextModel, adapter: LoraAdapter, batch: Batch): Promise<Norms> {
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
