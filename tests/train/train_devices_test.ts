/** Checks of the trainer that every device has to pass. */

import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { injectLora } from "../../src/adapt/mod.ts";
import { crossEntropy, type Loss } from "../../src/autograd/mod.ts";
import { type HostTensor, hostTensor } from "../../src/core/tensor.ts";
import type { Device } from "../../src/device/device.ts";
import {
  type Batch,
  type BatchSource,
  evaluate,
  resumeCheckpoint,
  runTrainer,
  saveCheckpoint,
  train,
  Trainer,
  type TrainOptions,
} from "../../src/train/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { collect, randomBatches, tinyModel, trainedValues } from "./fixtures.ts";
import { allDevices, type Check, testOn } from "../support/devices.ts";

const options = { learningRate: 1e-2, seed: 5 };

/** Losses and trained values of a run on a fresh model. */
async function trained(
  device: Device,
  batches: BatchSource,
  more: Partial<TrainOptions> & { steps: number },
  dropout = 0,
): Promise<{ losses: number[]; values: number[] }> {
  using model = tinyModel(device, { dropout });
  const events = await collect(train(model, batches, { ...options, ...more }));
  return { losses: events.map(({ loss }) => loss), values: await trainedValues(model) };
}

const part = ({ shape: [, time], data }: HostTensor, from: number, to: number) =>
  hostTensor([to - from, time], data.slice(from * time, to * time));

/** Rows of a batch. */
const rowsOf = ({ inputs, targets }: Batch, from: number, to: number): Batch => ({
  inputs: { tokens: part(inputs.tokens, from, to) },
  targets: part(targets, from, to),
});

async function accumulationEqualsOneBatch(device: Device): Promise<void> {
  const whole = randomBatches(3, { rows: 4 });
  // Halves with different numbers of labels: their mean losses must not simply be averaged.
  for (const { targets } of whole) targets.data.fill(-100, 1, 4);
  const halves = whole.flatMap((batch) => [rowsOf(batch, 0, 1), rowsOf(batch, 1, 4)]);
  const steps = 6, clipNorm = 1;
  const one = await trained(device, whole, { steps, clipNorm });
  const two = await trained(device, halves, { steps, clipNorm, accumulation: 2 });
  assertAllClose(two.losses, one.losses, { absolute: 1e-5, relative: 0, what: "losses" });
  // Adam's first steps are a learning rate in size whatever the gradient, so that noise shows.
  const far = two.values.filter((value, i) => Math.abs(value - one.values[i]) > 1e-4);
  assert(far.length < 0.02 * one.values.length, `${far.length} of ${one.values.length} differ`);
}

async function sourcesAreEqual(device: Device): Promise<void> {
  const batches = randomBatches(3), steps = 7;
  const expected = await trained(device, batches, { steps });
  const sources: BatchSource[] = [
    (index) => batches[index % 3],
    (index) => Promise.resolve(batches[index % 3]),
    new Set(batches),
    {
      async *[Symbol.asyncIterator]() {
        for (const batch of batches) yield await batch;
      },
    },
    (function* () {
      for (let i = 0;; i++) yield batches[i % 3];
    })(),
  ];
  for (const source of sources) assertEquals(await trained(device, source, { steps }), expected);
}

async function sourcesThatEnd(device: Device): Promise<void> {
  const once = (function* () {
    yield* randomBatches(2);
  })();
  const message = "batches ended after 2 and cannot start again";
  await assertRejects(() => trained(device, once, { steps: 3 }), RangeError, message);
  await assertRejects(
    () => trained(device, [], { steps: 3 }),
    RangeError,
    "needs batches, found none",
  );
  assertEquals(device.ledger.read().live, 0);
}

async function nonFiniteLoss(device: Device): Promise<void> {
  using model = tinyModel(device);
  const steps: number[] = [];
  const [{ tensor, size }] = model.trainable();
  const schedule = (step: number) => {
    if (step === 20) device.write(tensor, new Float32Array(size).fill(NaN));
    return 1;
  };
  const run = async () => {
    const source = train(model, randomBatches(2), { ...options, steps: 60, schedule });
    for await (const { step } of source) steps.push(step);
  };
  await assertRejects(run, RangeError, "training needs a finite loss, found NaN at step 22 of 60");
  assertEquals(steps, Array.from({ length: 21 }, (_, i) => i));
}

async function abort(device: Device): Promise<void> {
  using model = tinyModel(device);
  const before = await trainedValues(model), live = device.ledger.read().live;
  const controller = new AbortController(), { signal } = controller;
  const source = train(model, randomBatches(2), { ...options, steps: 500, signal });
  const events = [];
  for await (const event of source) {
    events.push(event);
    if (event.step === 3) controller.abort();
  }
  assertEquals(events.map(({ step }) => step), events.map((_, i) => i));
  assertEquals(events.map(({ stopped }) => stopped ?? false).indexOf(true), events.length - 1);
  assert(events.length <= 40, `${events.length} steps were run`);
  if (device.kind !== "webgpu") assertEquals(events.length, 5);
  assertNotEquals(await trainedValues(model), before);
  assertEquals(device.ledger.read().live, live);
  assertEquals(await collect(train(model, [], { ...options, steps: 5, signal })), []);
}

async function leavingTheLoop(device: Device): Promise<void> {
  using model = tinyModel(device);
  const live = device.ledger.read().live;
  let closed = false;
  const batches = (function* () {
    try {
      while (true) yield* randomBatches(1);
    } finally {
      closed = true;
    }
  })();
  for await (const { step } of train(model, batches, { ...options, steps: 500 })) {
    if (step === 20) break;
  }
  assert(closed, "the generator of batches must be closed");
  assertEquals(device.ledger.read().live, live);
}

async function dropout(device: Device): Promise<void> {
  const batches = randomBatches(2), steps = 4;
  const first = await trained(device, batches, { steps }, 0.3);
  assertEquals(await trained(device, batches, { steps }, 0.3), first);
  assertNotEquals((await trained(device, batches, { steps, seed: 6 }, 0.3)).losses, first.losses);
  const plain = await trained(device, batches, { steps });
  assertNotEquals(plain.losses, first.losses);
  assertEquals(await trained(device, batches, { steps, seed: 6 }), plain);
}

/** At rate 0 only the masks can tell two steps, or two parts of a step, on the same batch apart. */
async function masksAreFresh(device: Device): Promise<void> {
  const batches = randomBatches(1), still = { learningRate: 0, steps: 4 };
  const { losses } = await trained(device, batches, still, 0.3);
  assertEquals(new Set(losses).size, 4);
  const pairs = await trained(device, batches, { ...still, steps: 2, accumulation: 2 }, 0.3);
  const means = [losses[0] + losses[1], losses[2] + losses[3]].map((sum) => sum / 2);
  assertAllClose(pairs.losses, means, { relative: 1e-6 });
}

/** (1 - s) · a + s · b: a straight line in s. */
async function smoothing(device: Device): Promise<void> {
  const lossAt = async (smoothing: number) => {
    const loss: Loss = (tape, outputs, targets, options) =>
      crossEntropy(tape, outputs, targets, { smoothing, ...options });
    return (await trained(device, randomBatches(1), { steps: 1, loss })).losses[0];
  };
  const [none, some, more] = [await lossAt(0), await lossAt(0.2), await lossAt(0.4)];
  assert(Math.abs(some - none) > 1e-3, "smoothing must change the loss");
  assertAllClose([more - none], [2 * (some - none)], { relative: 1e-3 });
}

async function evaluations(device: Device): Promise<void> {
  using model = tinyModel(device, { dropout: 0.5 });
  const held = randomBatches(2, { seed: 9 }), seen: number[] = [];
  const events = await collect(train(model, randomBatches(3), {
    ...options,
    steps: 45,
    evaluateEvery: 10,
    evaluate: async (step) => {
      seen.push(step);
      return (await evaluate(model, held)).loss;
    },
  }));
  assertEquals(seen, [9, 19, 29, 39]);
  assertEquals(events.map(({ step }) => step), Array.from({ length: 45 }, (_, i) => i));
  const evaluated = events.filter(({ evaluation }) => evaluation !== undefined);
  assertEquals(evaluated.map(({ step }) => step), seen);
  assert(events.every(({ ms, counted }) => ms > 0 && counted === 8), "every event has its cost");
}

async function evaluateWeighs(device: Device): Promise<void> {
  using model = tinyModel(device);
  const batches = [...randomBatches(1, { rows: 1 }), ...randomBatches(70, { rows: 3 })];
  batches[3].targets.data.fill(-100);
  const { loss, counted, perplexity, bitsPerToken } = await evaluate(model, batches);
  assertEquals(counted, 4 + 69 * 12);
  const first = await evaluate(model, batches.slice(0, 1));
  const rest = await evaluate(model, batches.slice(1));
  assertAllClose([loss], [(4 * first.loss + 828 * rest.loss) / 832], { relative: 1e-6 });
  assertAllClose([perplexity, bitsPerToken], [Math.exp(loss), Math.log2(Math.exp(loss))]);
  const { losses } = await trained(device, batches, { steps: 1 });
  assertAllClose(losses, [first.loss], { relative: 1e-6 });
  using dropping = tinyModel(device, { dropout: 0.5 });
  assertEquals(await evaluate(dropping, batches.slice(0, 1)), first);
  const empty = batches.slice(3, 4);
  await assertRejects(
    () => evaluate(model, empty),
    RangeError,
    "needs a label that is not ignored",
  );
}

async function bytesReturn(device: Device): Promise<void> {
  using model = tinyModel(device);
  const live = device.ledger.read().live;
  for (const adapted of [false, true]) {
    using _ = adapted ? injectLora(model, { rank: 2, sites: ["q", "v"], seed: 1 }) : undefined;
    const before = device.ledger.read().live;
    const between = new Set<number>();
    for await (const { step } of train(model, randomBatches(3), { ...options, steps: 100 })) {
      if (step > 0) between.add(device.ledger.read().live);
    }
    assertEquals(between.size, 1);
    assertEquals(device.ledger.read().live, before);
  }
  assertEquals(device.ledger.read().live, live);
}

async function checkpointAtAPause(device: Device): Promise<void> {
  const folder = await Deno.makeTempDir(), path = `${folder}/checkpoint.safetensors`;
  const all = { ...options, steps: 40 }, batches = randomBatches(3);
  using whole = tinyModel(device), cut = tinyModel(device);
  const losses = (await collect(train(whole, batches, all))).map(({ loss }) => loss);
  {
    using trainer = new Trainer(cut, all);
    for await (const { step } of runTrainer(trainer, batches, { pauseEvery: 7 })) {
      if (step !== 20) continue;
      assertEquals(trainer.steps, 21);
      await saveCheckpoint(path, trainer);
      break;
    }
  }
  using trainer = new Trainer(cut, all);
  const { step, exact } = await resumeCheckpoint(path, trainer);
  assertEquals([step, exact], [21, device.kind !== "reference"]);
  const rest = (await collect(runTrainer(trainer, batches))).map(({ loss }) => loss);
  await Deno.remove(folder, { recursive: true });
  if (!exact) return assertAllClose(rest, losses.slice(21), { relative: 1e-4 });
  assertEquals(rest, losses.slice(21));
  assertEquals(await trainedValues(cut), await trainedValues(whole));
}

/** All of them. */
const checks: readonly Check[] = [
  { name: "two parts of a batch are as good as the whole", run: accumulationEqualsOneBatch },
  { name: "batches from a list, a function, a set and generators", run: sourcesAreEqual },
  { name: "batches that cannot start again are an error", run: sourcesThatEnd },
  { name: "a loss that is not finite is reported with its step", run: nonFiniteLoss },
  { name: "an abort stops at the next step and says so", run: abort },
  { name: "leaving the loop frees everything", run: leavingTheLoop },
  { name: "dropout is a function of the seed", run: dropout },
  { name: "every step and part of a step draws masks of its own", run: masksAreFresh },
  { name: "label smoothing is linear", run: smoothing },
  { name: "evaluations come at their steps, events in order", run: evaluations },
  { name: "evaluate weighs batches by their labels", run: evaluateWeighs },
  { name: "a checkpoint at a pause resumes to the same bits", run: checkpointAtAPause },
  { name: "live bytes between steps do not move", run: bytesReturn },
];

await testOn(allDevices, checks);
