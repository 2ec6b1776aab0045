/** Runs that differ in all that runs may differ in, alone and at once. @module */

import { assertEquals } from "@std/assert";
import type { Kernel } from "../../kernels/mod.ts";
import {
  injectLora,
  type LoraAdapter,
  type LoraOptions,
  loraPlusGroups,
} from "../../src/adapt/mod.ts";
import { type HostData, hostTensor } from "../../src/core/tensor.ts";
import { Random } from "../../src/core/random.ts";
import type { Batch, ModelInputs } from "../../src/core/batch.ts";
import type { AnyBindings, Device } from "../../src/device/device.ts";
import { initGpt2, parseGpt2Config, type TextModel } from "../../src/models/mod.ts";
import { type RunTogether, shareBase, trainTogether } from "../../src/runs/mod.ts";
import { type History, train } from "../../src/train/mod.ts";
import { randomizeB } from "../adapt/fixtures.ts";

/** Rows of logits and of hidden values begin at no multiple of 256 bytes. */
export const config = parseGpt2Config({
  ...{ vocab_size: 37, n_positions: 12, n_embd: 24, n_layer: 2, n_head: 3 },
});

/** A random model of it. */
export const smallModel = (device: Device): TextModel => initGpt2(device, config, { seed: 3 });

/** Random batches of these lengths; the first row of those with a mask ends after half of it. */
export function batchesOf(
  seed: number,
  times: readonly number[],
  { rows = 2, masked = false } = {},
): Batch[] {
  const random = new Random(seed), vocabulary = config.vocab_size;
  return times.map((time) => {
    const shape = [rows, time], size = rows * time, isSeen = (i: number) => i >= time / 2;
    const tokens = Uint32Array.from({ length: size }, () => random.integer(vocabulary));
    const targets = Int32Array.from(
      tokens,
      (_, i) => masked && !isSeen(i) || i % time === time - 1 ? -100 : tokens[i + 1],
    );
    const inputs: ModelInputs = {
      tokens: hostTensor(shape, tokens),
      ...masked &&
        { attentionMask: hostTensor(shape, Uint32Array.from(tokens, (_, i) => Number(isSeen(i)))) },
    };
    return { inputs, targets: hostTensor(shape, targets) };
  });
}

/** Makes a run on a model of its own. */
export type MakeRun = (base: TextModel) => RunTogether;

/** An adapter with values in B, so that a first step has gradients of A. */
export function adapterOn(base: TextModel, options: LoraOptions): LoraAdapter {
  return randomizeB(injectLora(shareBase(base), options), options.seed);
}

/** Lengths of batches that runs share in some steps and not in others. */
const [same, other] = [[6, 6, 9, 6], [6, 9, 9, 6]] as const;

/** Ranks, sites, scalings, rates, schedules, clipping, decay, data, lengths, masks and ends of their own. */
export const mixedRuns: readonly MakeRun[] = [
  (base) => ({
    adapter: adapterOn(base, { rank: 1, seed: 1 }),
    batches: batchesOf(1, same),
    ...{ learningRate: 1e-2, steps: 10 },
  }),
  (base) => ({
    adapter: adapterOn(base, { rank: 8, alpha: 4, targetModules: "all-linear", seed: 2 }),
    batches: batchesOf(2, same, { rows: 1 }),
    ...{ learningRate: 3e-3, steps: 10, weightDecay: 0.1, clipNorm: 0.1 },
    ...{ schedule: "cosine", warmupSteps: 2 },
  }),
  (base) => ({
    adapter: adapterOn(base, {
      rank: 3,
      alpha: 5,
      rankStabilized: true,
      sites: ["k", "o"],
      seed: 3,
    }),
    batches: batchesOf(3, other, { rows: 3 }),
    ...{ learningRate: 2e-3, steps: 7, betas: [0.8, 0.9] },
  }),
  (base) => ({
    adapter: adapterOn(base, { rank: 2, sites: ["q", "up"], seed: 4 }),
    batches: batchesOf(4, other, { masked: true }),
    ...{ learningRate: 5e-3, steps: 10, activationCheckpointing: true },
  }),
  (base) => ({
    adapter: adapterOn(base, { rank: 5, sites: ["q", "k", "v"], seed: 5 }),
    batches: batchesOf(5, same, { masked: true }),
    ...{ learningRate: 5e-3, steps: 10 },
  }),
  (base) => {
    const adapter = adapterOn(base, { rank: 4, sites: ["v", "down"], seed: 6 });
    const groups = loraPlusGroups(adapter, { learningRate: 1e-3, ratio: 4 });
    return { adapter, batches: batchesOf(6, same), learningRate: 1e-3, steps: 9, groups };
  },
  (base) => ({
    adapter: adapterOn(base, { rank: 2, seed: 7 }),
    batches: batchesOf(7, [6, 6]),
    ...{ learningRate: 1e-3, steps: 5, accumulation: 2 },
  }),
  (base) => ({
    adapter: adapterOn(base, { rank: 3, seed: 8 }),
    batches: batchesOf(8, [6, 6]),
    ...{ learningRate: 2e-3, steps: 5, accumulation: 2 },
  }),
  (base) => ({
    adapter: adapterOn(base, { rank: 2, seed: 9 }),
    batches: batchesOf(9, same),
    validation: batchesOf(10, [6]),
    ...{ learningRate: 0.3, steps: 10, validateEvery: 2, patience: 2 },
  }),
];

/** Trained values and history of a run. */
export interface Outcome {
  readonly values: readonly HostData[];
  readonly history: History;
}

const valuesOf = async ({ parameters, model: { device } }: LoraAdapter): Promise<HostData[]> =>
  (await device.read(...parameters.map(({ tensor }) => tensor))).map(({ data }) => data);

/** Each run by itself. */
export async function inARow(base: TextModel, makers: readonly MakeRun[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const make of makers) {
    const { adapter, batches, ...options } = make(base);
    using own = adapter;
    const history = await train(own, batches, options).finish();
    outcomes.push({ values: await valuesOf(own), history });
  }
  return outcomes;
}

/** All at once; runs that fail have an error. */
export async function atOnce(
  base: TextModel,
  makers: readonly MakeRun[],
): Promise<(Outcome & { readonly error?: unknown })[]> {
  using owner = new DisposableStack();
  const runs = makers.map((make) => make(base));
  for (const { adapter } of runs) owner.use(adapter);
  const done = await trainTogether(runs).finish();
  const values = await Promise.all(runs.map(({ adapter }) => valuesOf(adapter)));
  return done.map(({ history, error }, i) => ({ values: values[i], history, error }));
}

/** Fails unless all values, losses, norms and held-out losses are the same bits. */
export function assertSame(found: Outcome, expected: Outcome, what: string): void {
  const numbersOf = ({ history: { loss, gradientNorm, learningRate, heldOut } }: Outcome) => ({
    ...{ loss, gradientNorm, learningRate, heldOut },
  });
  assertEquals(numbersOf(found), numbersOf(expected), what);
  assertEquals(found.values, expected.values, what);
}

/** Counts launches by kernel from here on. */
export function watchLaunches(device: Device): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}, launch = device.launch.bind(device);
  device.launch = (kernel: Kernel, ...rest: [AnyBindings, Record<string, number>]) => {
    counts[kernel.name] = (counts[kernel.name] ?? 0) + 1;
    launch(kernel, ...rest);
  };
  return counts;
}
