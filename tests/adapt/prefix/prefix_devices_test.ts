/** Properties of virtual tokens on every device. */

import { assertEquals, assertNotEquals } from "@std/assert";
import { evaluateFormula } from "../../../src/accounting/mod.ts";
import { loadAnyAdapter, type PrefixKind } from "../../../src/adapt/mod.ts";
import { lossOfBatch } from "../../../src/autograd/loss.ts";
import { crossEntropy } from "../../../src/autograd/mod.ts";
import type { ModelInputs } from "../../../src/core/batch.ts";
import { type HostTensor, hostTensor } from "../../../src/core/tensor.ts";
import { Random } from "../../../src/core/random.ts";
import type { Device } from "../../../src/device/device.ts";
import { DryDevice } from "../../../src/device/dry.ts";
import {
  allocateModel,
  beamSearch,
  generate,
  outputsOf,
  readConfig,
  type TextModel,
} from "../../../src/models/mod.ts";
import { Trainer } from "../../../src/train/mod.ts";
import { assertAllClose } from "../../support/all_close.ts";
import { type Check, coreDevices, reference, testOn, webgpu } from "../../support/devices.ts";
import { assertGradients } from "../../support/finite_differences.ts";
import { golden } from "../../support/golden.ts";
import { disturb, valuesOf, withFolder } from "../fixtures.ts";
import {
  families,
  fits,
  inputs,
  kinds,
  lossOf,
  methods,
  openFamily,
  pairs,
  seen,
  targetsOf,
  tolerance,
} from "./prefixes.ts";

async function checkRemoval(device: Device, kind: PrefixKind, name: string): Promise<void> {
  using model = await openFamily(device, name);
  const base = await outputsOf(model, inputs), before = device.ledger.read();
  const { positions } = model;
  {
    using adapter = methods[kind](model, { length: 3, seed: 1 });
    assertEquals(model.positions, positions - 3);
    assertEquals(new Set(model.trainable()), new Set(adapter.parameters));
    const started = await seen(model);
    await disturb(adapter);
    assertNotEquals(await seen(model), started);
    const bytes = adapter.parameters.reduce((sum, { size }) => sum + 4 * size, 0);
    assertEquals(device.ledger.read().byRole.adapter - before.byRole.adapter, bytes);
    adapter.remove();
    adapter.remove();
    assertEquals(await outputsOf(model, inputs), base);
    assertEquals(model.positions, positions);
  }
  const after = device.ledger.read();
  assertEquals([after.byRole, after.padding], [before.byRole, before.padding]);
  assertEquals(model.trainable().length, model.parameters.size);
}

async function checkSaved(device: Device, kind: PrefixKind, name: string): Promise<void> {
  using model = await openFamily(device, name);
  const isClassifier = model.architecture.head === "classes";
  const head = /^classifier$|llama|neox/.test(name) ? "score" : "classifier";
  const promptFormat = { template: "Q: {prompt}", endOfTextFirst: false, separator: " " };
  await withFolder(async (folder) => {
    let outputs: HostTensor;
    {
      using adapter = methods[kind](model, {
        length: 2,
        ...(isClassifier && { modulesToSave: [head] }),
      });
      adapter.promptFormat = promptFormat;
      await disturb(adapter);
      outputs = await outputsOf(model, inputs);
      await adapter.save(folder);
    }
    using loaded = await loadAnyAdapter(model, folder);
    assertEquals(await outputsOf(model, inputs), outputs);
    assertEquals(loaded.promptFormat, promptFormat);
    assertEquals(loaded.parameters.length > 1, isClassifier);
  });
}

/** Greedy and beam continuations without a cache: every token costs a whole pass. */
async function checkGeneration(
  device: Device,
  kind: PrefixKind,
  name: string,
  epsilon: number,
): Promise<void> {
  using model = await openFamily(device, name);
  using adapter = methods[kind](model, { length: 4, seed: 2 });
  await disturb(adapter);
  const prompt = [5, 9, 30], made: number[] = [];
  for (let step = 0; step < 8; step++) {
    const ids = Uint32Array.from([...prompt, ...made]), last = ids.length - 1;
    const given = { tokens: hostTensor([1, ids.length], ids) };
    const { data } = await outputsOf(model, given, { rows: [last] });
    const all = (await outputsOf(model, given)).data.subarray(last * data.length);
    assertAllClose(data, all, tolerance(epsilon));
    made.push(data.indexOf(Math.max(...data)));
  }
  const generated = await Array.fromAsync(generate(model, prompt, { maxNewTokens: 8 }));
  assertEquals(generated, made);
  const one = await beamSearch(model, prompt, { beams: 1, maxNewTokens: 8 });
  assertEquals(one.tokens, made);
  const wide = await beamSearch(model, prompt, { beams: 3, maxNewTokens: 6 });
  assertEquals(wide.tokens.length, 6);
}

/** A step's bytes by role, live and at the peak, where nothing was allocated and where it was. */
async function ledgerOf(device: Device, kind: PrefixKind, name: string) {
  const config = await readConfig(golden(name));
  device.ledger.resetPeak();
  using model = allocateModel(device, config);
  using _ = methods[kind](model, { length: 3, seed: 1 });
  using trainer = new Trainer(model, { learningRate: 1e-3, steps: 2 });
  const batch = { inputs, targets: targetsOf(model) };
  for (let step = 0; step < 2; step++) trainer.step([batch]);
  return device.ledger.read();
}

/** The paper's formulas, and that of prefix tuning. */
function countOf(kind: PrefixKind, { blockShape }: TextModel, l_p: number): bigint {
  const { count: L, width: d, keys } = blockShape;
  if (kind === "prefix-embedding") return evaluateFormula("preEmbedParameters", { d, l_p, l_i: 0 });
  if (kind === "prefix-layer") return evaluateFormula("preLayerParameters", { d, L, l_p, l_i: 0 });
  return evaluateFormula("prefixTuningParameters", { d_kv: keys!.width, L, l_p });
}

async function checkTraining(device: Device, kind: PrefixKind, name: string): Promise<void> {
  using model = await openFamily(device, name);
  const own = [...model.parameters.values()].map(({ tensor }) => tensor);
  const before = await device.read(...own);
  using adapter = methods[kind](model, { length: 3, seed: 1 });
  assertEquals(BigInt(adapter.parameters[0].size), countOf(kind, model, 3));
  const start = await valuesOf(adapter.parameters[0].tensor);
  using trainer = new Trainer(model, { learningRate: 2e-2, steps: 3 });
  const batch = { inputs, targets: targetsOf(model) };
  for (let step = 0; step < 3; step++) trainer.step([batch]);
  assertEquals(await device.read(...own), before);
  assertNotEquals(await valuesOf(adapter.parameters[0].tensor), start);
}

/** Properties of virtual tokens. */
const checks: readonly Check[] = [
  ...pairs.map(([kind, name]): Check => ({
    name:
      `${kind} on ${name} trains what is counted, is saved and loaded, and leaves the base's bits`,
    async run(device) {
      await checkRemoval(device, kind, name);
      await checkTraining(device, kind, name);
      await checkSaved(device, kind, name);
    },
  })),
  ...pairs.filter(([, name]) => /gpt2|llama$|wide|qwen|neox$/.test(name)).map((
    [kind, name],
  ): Check => ({
    name: `${kind} on ${name}: text with the cache is that without it`,
    run: (device, epsilon) => checkGeneration(device, kind, name, epsilon),
  })),
  ...pairs.filter(([, name]) => /gpt2|llama_wide|bert_class|masked/.test(name))
    .map(([kind, name]): Check => ({
      name: `${kind} on ${name}: the bytes of its steps are predicted`,
      async run(device) {
        using dry = new DryDevice();
        assertEquals(await ledgerOf(device, kind, name), await ledgerOf(dry, kind, name));
      },
    })),
];

async function checkGradients(device: Device, kind: PrefixKind, name: string): Promise<void> {
  using model = await openFamily(device, name);
  using adapter = methods[kind](model, { length: 3, seed: 1 });
  await disturb(adapter);
  assertEquals(new Set(model.trainable()), new Set(adapter.parameters));
  await assertGradients(device, adapter.parameters, (tape) => lossOf(tape, model));
  // The same batch without its padding.
  const batch = { inputs, targets: targetsOf(model) }, options = { loss: crossEntropy, divisor: 3 };
  await assertGradients(
    device,
    adapter.parameters,
    (tape) => lossOfBatch(tape, model, batch, options),
  );
}

const gradientChecks: readonly Check[] = pairs.map(([kind, name]) => ({
  name: `${kind} on ${name}: gradients equal finite differences`,
  run: (device) => checkGradients(device, kind, name),
}));

/** The tokens from whose values virtual ones start. */
function wordsOf({ vocabulary }: TextModel, length: number, seed: number): number[] {
  const random = new Random(seed);
  return Array.from({ length }, () => random.integer(vocabulary));
}

/** Sequences that begin with more tokens. */
function after(first: readonly number[], { tokens, attentionMask }: ModelInputs): ModelInputs {
  const [batch, time] = tokens.shape, wide = first.length + time;
  const extended = ({ data }: HostTensor, values: readonly number[]) =>
    hostTensor(
      [batch, wide],
      Uint32Array.from(
        Array.from({ length: batch }, (_, row) => [
          ...values,
          ...data.subarray(row * time, (row + 1) * time),
        ]).flat(),
      ),
    );
  return {
    tokens: extended(tokens, first),
    attentionMask: attentionMask && extended(attentionMask, first.map(() => 1)),
  };
}

/** Outputs of the base with the words that virtual tokens start from before every sequence. */
async function behindWords(model: TextModel, words: readonly number[]): Promise<number[]> {
  const { data, shape: [, width] } = await outputsOf(model, after(words, inputs));
  if (model.architecture.head === "classes") return [...data];
  const wide = words.length + 5, mask = inputs.attentionMask!.data;
  return Array.from(data).filter((_, i) => {
    const row = Math.floor(i / width), place = row % wide - words.length;
    return place >= 0 && mask[Math.floor(row / wide) * 5 + place] === 1;
  });
}

async function checkStart(device: Device, name: string, epsilon: number): Promise<void> {
  using model = await openFamily(device, name);
  const words = wordsOf(model, 3, 6), wanted = await behindWords(model, words);
  for (const kind of kinds.filter((kind) => fits(kind, name))) {
    // In an encoder, words see the others, and virtual states and keys do not.
    const isEncoder = /bert|mpnet/.test(name);
    if (isEncoder && kind !== "prefix-embedding") continue;
    using _ = methods[kind](model, { length: 3, seed: 6 });
    const what = `${kind} of ${name}`;
    assertAllClose(await seen(model), wanted, { ...tolerance(epsilon), what });
  }
}

/** Virtual tokens at step zero. */
const startChecks: readonly Check[] = families.map((name): Check => ({
  name: `virtual tokens on ${name} start as words before every sequence`,
  run: (device, epsilon) => checkStart(device, name, epsilon),
}));

const all = [...startChecks, ...checks];

// Every operation that virtual tokens change is in these; the other families share them.
const few = all.filter(({ name }) => /gpt2_tiny|wide|bert_class/.test(name));

await testOn(coreDevices, all);
await testOn([webgpu], few);
await testOn([reference], gradientChecks);
