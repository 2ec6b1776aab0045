/** Runs at once, compared with the same runs alone. @module */

import { injectLora, type LoraAdapter, type LoraOptions } from "../../src/adapt/mod.ts";
import type { HostData } from "../../src/core/tensor.ts";
import { countChangedBits } from "../../src/core/numbers.ts";
import { Random } from "../../src/core/random.ts";
import type { Device } from "../../src/device/device.ts";
import type { TextModel } from "../../src/models/mod.ts";
import { type RunTogether, shareBase, trainTogether } from "../../src/runs/mod.ts";
import { type History, train } from "../../src/train/mod.ts";
import { loadBase } from "../base_model.ts";
import { randomBatches } from "./variants.ts";

/** Differences of runs at once from the runs alone. */
export interface RunDifferences {
  /** The device. */
  readonly device: string;
  /** Largest difference of a first step's loss or gradient norm, as a share of it. */
  readonly difference: number;
  /** Values of A and B, and losses, that have other bits. */
  readonly changed: number;
  /** Number of compared values. */
  readonly compared: number;
}

/** Different in all that one base allows. */
const adapters: readonly LoraOptions[] = [
  { rank: 1, sites: ["q", "v"] },
  { rank: 2, alpha: 8, sites: ["q"] },
  { rank: 3, sites: ["k", "o"], rankStabilized: true },
  { rank: 4, targetModules: "all-linear" },
  { rank: 5, alpha: 1, sites: ["up", "down"] },
  { rank: 6, sites: ["v"], init: "gaussian" },
  { rank: 7, sites: ["q", "k", "v", "o"] },
  { rank: 8, alpha: 16, targetModules: "all-linear" },
];

/** Trains 8 runs for 10 steps, alone and at once. */
export async function compareRuns(device: Device, seed: number): Promise<RunDifferences> {
  using base = await loadBase(device);
  const alone = await trained(base, seed, async (runs) => {
    const histories: History[] = [];
    for (const { adapter, batches, ...options } of runs) {
      histories.push(await train(adapter, batches, options).finish());
    }
    return histories;
  });
  const together = await trained(base, seed, async (runs) => {
    const done = await trainTogether(runs).finish();
    const failed = done.find(({ error }) => error !== undefined);
    if (failed) throw failed.error;
    return done.map(({ history }) => history);
  });
  const pairs = together.flatMap((values, i) =>
    values.bits.map((bits, at) => [bits, alone[i].bits[at]] as const)
  );
  const differences = together.flatMap(({ first }, i) =>
    first.map((value, at) => Math.abs(value / alone[i].first[at] - 1))
  );
  return {
    device: device.description,
    difference: Math.max(...differences),
    changed: pairs.reduce((sum, [found, expected]) => sum + countChangedBits(found, expected), 0),
    compared: pairs.reduce((sum, [{ length }]) => sum + length, 0),
  };
}

/** Trace of a run: its values and losses, and the results of its first step. */
interface Trace {
  readonly bits: readonly Float32Array[];
  readonly first: readonly number[];
}

async function trained(
  base: TextModel,
  seed: number,
  trainAll: (runs: readonly RunTogether[]) => Promise<History[]>,
): Promise<Trace[]> {
  using owner = new DisposableStack();
  const runs = adapters.map((own, i) => {
    const adapter = owner.use(injectLora(shareBase(base), { ...own, seed: seed + i }));
    randomizeB(adapter, seed + i);
    return runOf(base, adapter, seed, i);
  });
  const histories = await trainAll(runs);
  return await Promise.all(runs.map(async ({ adapter }, i) => {
    const values = await base.device.read(...adapter.parameters.map(({ tensor }) => tensor));
    const { loss, gradientNorm } = histories[i];
    const bits = [
      ...values.map(({ data }) => data as HostData as Float32Array),
      Float32Array.from(loss),
    ];
    return { bits, first: [loss[0], gradientNorm[0]] };
  }));
}

/** Rates, decay, clipping, data and the lengths of batches differ. */
function runOf(base: TextModel, adapter: LoraAdapter, seed: number, i: number): RunTogether {
  const shape = { rows: 1 + i % 3, tokens: i === 5 ? 12 : 16 };
  return {
    adapter,
    batches: randomBatches(base, shape, 4, seed + i),
    ...{ steps: 10, learningRate: 5e-4 * (i + 1), weightDecay: 0.01 * i },
    ...i % 2 === 1 && { clipNorm: 0.5 },
  };
}

/** Draws B, because with B = 0 a first step has no gradient of A. */
function randomizeB({ sites }: LoraAdapter, seed: number): void {
  const random = new Random(seed);
  for (const { B: { tensor } } of sites) {
    tensor.device.write(tensor, random.uniformWithin(0.02, tensor.size));
  }
}
