/** Sequences that begin alike, measured: what they have in common is computed once. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Kernel } from "../../kernels/mod.ts";
import { AdapterSet, injectLora } from "../../src/adapt/mod.ts";
import { Tape } from "../../src/autograd/mod.ts";
import type { Batch, ModelInputs } from "../../src/core/batch.ts";
import { hostTensor } from "../../src/core/tensor.ts";
import type { AnyBindings, Device } from "../../src/device/device.ts";
import { loadModel, outputsOf, type TextModel } from "../../src/models/mod.ts";
import { evaluate } from "../../src/train/mod.ts";
import { randomizeB } from "../adapt/fixtures.ts";
import { assertAllClose } from "../support/all_close.ts";
import { allDevices, type Check, testOn } from "../support/devices.ts";
import { golden } from "../support/golden.ts";

const causal = [
  "gpt2_tiny",
  ...["llama", "mistral", "qwen2", "qwen3", "gpt_neox"].map((name) => `families/${name}`),
];

/** One begins another, two are the same, two have a beginning in common, and the last is unlike all. */
const sequences = [[4, 5, 6, 7, 8], [4, 5, 6], [4, 5, 9, 7, 8, 6], [4, 5, 9, 7, 8, 6], [5, 4, 6]];
const time = 6, all = sequences.flat().length, computed = 5 + 4 + 3;

/** Their tokens, and a mask that hides what fills them up. */
function padded(): ModelInputs {
  const at = (value: (sequence: number[], i: number) => number) =>
    hostTensor(
      [sequences.length, time],
      Uint32Array.from(
        sequences.flatMap((sequence) => Array.from({ length: time }, (_, i) => value(sequence, i))),
      ),
    );
  return {
    tokens: at((sequence, i) => sequence[i] ?? 0),
    attentionMask: at((sequence, i) => Number(i < sequence.length)),
  };
}

/** The same packed. */
const packed = (): ModelInputs => ({
  tokens: hostTensor([1, all], Uint32Array.from(sequences.flat())),
  lengths: sequences.map(({ length }) => length),
});

/** The places of the last two tokens of each, among padded ones and among packed ones. */
const lastOfPadded = sequences.flatMap(({ length }, row) =>
  [length - 1, length - 2].map((i) => row * time + i)
);
const lastOfPacked = sequences.flatMap(({ length }, row) => {
  const start = sequences.slice(0, row).flat().length;
  return [length - 1, length - 2].map((i) => start + i);
});

/** The logits of these tokens, each sequence by itself. */
async function alone(model: TextModel): Promise<number[]> {
  const logits: number[] = [];
  for (const sequence of sequences) {
    const tokens = hostTensor([1, sequence.length], Uint32Array.from(sequence));
    const rows = [sequence.length - 1, sequence.length - 2];
    logits.push(...(await outputsOf(model, { tokens }, { rows })).data);
  }
  return logits;
}

/** Records the numbers of rows of products until it is disposed. */
function watchRows(device: Device): { readonly rows: Set<number> } & Disposable {
  const rows = new Set<number>(), { launch } = device;
  device.launch = (kernel: Kernel, bindings: AnyBindings, scalars: Record<string, number>) => {
    if (kernel.name.startsWith("matmul")) rows.add(scalars.m);
    launch.call(device, kernel, bindings, scalars);
  };
  return { rows, [Symbol.dispose]: () => void (device.launch = launch) };
}

async function checkOutputs(device: Device, name: string, epsilon: number): Promise<void> {
  using model = await loadModel(device, golden(name));
  using _ = randomizeB(injectLora(model, { rank: 2, targetModules: "all-linear", seed: 1 }), 1);
  const expected = await alone(model);
  using watched = watchRows(device);
  const { rows } = watched;
  const close = { relative: 0, absolute: 3e3 * epsilon };
  assertAllClose((await outputsOf(model, padded(), { rows: lastOfPadded })).data, expected, close);
  assertAllClose((await outputsOf(model, packed(), { rows: lastOfPacked })).data, expected, close);
  assert(rows.has(computed) && !rows.has(all), `products had ${[...rows]} rows`);
}

/** The loss of each token from the next one on, of rows of one length, whose first tokens have no label. */
async function checkLoss(device: Device, name: string, epsilon: number): Promise<void> {
  using model = await loadModel(device, golden(name));
  const whole = [[4, 5, 6, 7, 8], [4, 5, 6, 7, 9], [4, 5, 6, 8, 9], [4, 5, 6, 7, 8]];
  const batchOf = (some: readonly number[][]): Batch => ({
    inputs: { tokens: hostTensor([some.length, 5], Uint32Array.from(some.flat())) },
    targets: hostTensor(
      [some.length, 5],
      Int32Array.from(some.flatMap((row) => row.map((_, i) => i < 2 ? -100 : row[i + 1] ?? 4))),
    ),
  });
  const expected = await evaluate(model, whole.map((row) => batchOf([row])));
  using watched = watchRows(device);
  const { rows } = watched, found = await evaluate(model, [batchOf(whole)]);
  assertEquals(found.counted, expected.counted);
  assertAllClose([found.loss], [expected.loss], { relative: 0, absolute: 3e3 * epsilon });
  assert(rows.has(5 + 1 + 2) && !rows.has(20), `products had ${[...rows]} rows`);
}

/** Rows of a set have adapters of their own, so that the same tokens have other states. */
async function checkSet(device: Device, epsilon: number): Promise<void> {
  using model = await loadModel(device, golden("gpt2_tiny"));
  const updatesOf = async (seed: number) => {
    using adapter = randomizeB(injectLora(model, { rank: seed, seed }), seed);
    return { updates: await adapter.read(), logits: await alone(model) };
  };
  const [first, second] = [await updatesOf(1), await updatesOf(2)];
  using adapters = new AdapterSet(model);
  adapters.add({ first: first.updates, second: second.updates });
  adapters.use(sequences.map((_, row) => row % 2 === 0 ? "first" : "second"));
  const found = await outputsOf(model, packed(), { rows: lastOfPacked });
  const size = first.logits.length / sequences.length;
  const expected = sequences.flatMap((_, row) =>
    (row % 2 === 0 ? first : second).logits.slice(row * size, (row + 1) * size)
  );
  assertAllClose(found.data, expected, { relative: 0, absolute: 3e3 * epsilon });
}

async function checkRefused(device: Device): Promise<void> {
  using model = await loadModel(device, golden("gpt2_tiny"));
  using tape = new Tape(device, { record: false });
  for (const row of [all, -1, 0.5]) {
    assertThrows(
      () => model.forward(tape, packed(), { rows: [0, row] }),
      RangeError,
      `rows must be integers below the number of tokens, ${all}, found ${row}`,
    );
  }
}

const checks: Check[] = [
  ...causal.flatMap((name): Check[] => [{
    name: `${name}: what sequences have in common is computed once`,
    run: (device, epsilon) => checkOutputs(device, name, epsilon),
  }, {
    name: `${name}: the loss of rows that begin alike is that of each alone`,
    run: (device, epsilon) => checkLoss(device, name, epsilon),
  }]),
  { name: "rows with adapters of their own have nothing in common", run: checkSet },
  { name: "rows that are not among the tokens are refused with their number", run: checkRefused },
];

await testOn(allDevices, checks);
