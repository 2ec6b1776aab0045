/** What holds for virtual tokens on every device; `prefix_test.ts` and `prefix_parts_test.ts` run it. @module */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import {
  type Adapter,
  injectLora,
  injectPrefixEmbedding,
  injectPrefixLayer,
  injectPrefixTuning,
  loadAnyAdapter,
  type PrefixAdapter,
  type PrefixKind,
  type PrefixOptions,
} from "../../../src/adapt/mod.ts";
import { crossEntropy, Tape } from "../../../src/autograd/mod.ts";
import type { ModelInputs } from "../../../src/core/batch.ts";
import { type HostTensor, hostTensor } from "../../../src/core/host_tensor.ts";
import { Random } from "../../../src/core/random.ts";
import type { Device, Tensor } from "../../../src/device/device.ts";
import { DryDevice } from "../../../src/device/dry.ts";
import { evaluateFormula } from "../../../src/accounting/mod.ts";
import {
  allocateModel,
  beamSearch,
  generate,
  loadModel,
  outputsOf,
  readConfig,
  type TextModel,
} from "../../../src/models/mod.ts";
import { Trainer } from "../../../src/train/mod.ts";
import { assertAllClose } from "../../support/all_close.ts";
import type { Check } from "../../support/devices.ts";
import { golden } from "../../support/golden.ts";
import { valuesOf, withFolder } from "../fixtures.ts";

/** How each method is put on a model. */
export const methods: Readonly<
  Record<PrefixKind, (model: TextModel, options: PrefixOptions) => PrefixAdapter>
> = {
  "prefix-embedding": injectPrefixEmbedding,
  "prefix-layer": injectPrefixLayer,
  "prefix-tuning": injectPrefixTuning,
};

/** The kinds. */
export const kinds = Object.keys(methods) as PrefixKind[];

/** Every family that runs, with its heads. */
export const families = [
  ...["gpt2_tiny", "classifier", "families/llama", "families/llama_wide"],
  ...["families/llama_classifier", "families/mistral", "families/qwen2", "families/bert_masked"],
  ...["families/bert_classifier", "families/roberta_masked", "families/roberta_classifier"],
  ...["families/deberta_masked", "families/deberta_classifier", "families/deberta_v2_masked"],
  "families/deberta_v2_convolution",
];

/** Opens one of them. */
export const openFamily = (device: Device, name: string): Promise<TextModel> =>
  loadModel(device, golden(name));

/** Whether a method fits a family: DeBERTa's attention needs more of a token than its key. */
export const fits = (kind: PrefixKind, name: string): boolean =>
  kind !== "prefix-tuning" || !name.includes("deberta");

/** Each method on each family that it fits. */
export const pairs = families.flatMap((name) =>
  kinds.filter((kind) => fits(kind, name)).map((kind) => [kind, name] as const)
);

/** Tokens for any of them: two sequences, of which the second is shorter. */
export const inputs: ModelInputs = {
  tokens: hostTensor([2, 5], Uint32Array.of(5, 9, 30, 7, 12, 8, 8, 21, 0, 0)),
  attentionMask: hostTensor([2, 5], Uint32Array.of(1, 1, 1, 1, 1, 1, 1, 1, 0, 0)),
};

/** Labels of the tokens, or of the sequences. */
const targetsOf = ({ architecture: { head } }: TextModel): HostTensor =>
  head === "classes"
    ? hostTensor([2], Int32Array.of(1, 0))
    : hostTensor([2, 5], Int32Array.of(9, 30, 7, 12, -100, 8, 21, -100, -100, -100));

/** The loss of a model on them. */
export const lossOf = (tape: Tape, model: TextModel): Tensor =>
  crossEntropy(tape, model.forward(tape, inputs), targetsOf(model).data);

/** Gives everything that an adapter trains other values, as training would. */
export async function disturb({ parameters }: Adapter): Promise<void> {
  const random = new Random(4);
  for (const { tensor } of parameters) {
    const values = await valuesOf(tensor);
    tensor.device.write(tensor, Float32Array.from(values, (x) => x + 0.3 * random.normal()));
  }
}

/** The outputs at tokens that are not hidden. */
async function seen(model: TextModel, given = inputs): Promise<number[]> {
  const { data, shape } = await outputsOf(model, given), mask = given.attentionMask?.data;
  const isPerToken = shape[0] === mask?.length;
  return Array.from(data).filter((_, i) => !isPerToken || mask![Math.floor(i / shape[1])] === 1);
}

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

/** Sums of some hundred terms of size one. */
const tolerance = (epsilon: number) => ({ relative: 100 * epsilon, absolute: 100 * epsilon });

/** What the base computes where the words from which virtual tokens start stand before every sequence. */
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
    const isEncoder = /bert/.test(name);
    if (isEncoder && kind !== "prefix-embedding") continue;
    using _ = methods[kind](model, { length: 3, seed: 6 });
    const what = `${kind} of ${name}`;
    assertAllClose(await seen(model), wanted, { ...tolerance(epsilon), what });
  }
}

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
  const head = name === "classifier" || name.includes("llama") ? "score" : "classifier";
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

async function checkWithLora(device: Device, kind: PrefixKind, epsilon: number): Promise<void> {
  using model = await openFamily(device, "gpt2_tiny");
  const lora = () => injectLora(model, { rank: 2, sites: ["q", "v"], seed: 3, onTop: true });
  const prefix = () => methods[kind](model, { length: 2, seed: 4, onTop: true });
  const found: number[][] = [];
  for (const order of [[lora, prefix], [prefix, lora]]) {
    using first = order[0]();
    using second = order[1]();
    const both = new Set([...first.parameters, ...second.parameters]);
    assertEquals(new Set(model.trainable()), both);
    await disturb(first);
    const alone = await seen(model);
    await disturb(second);
    assertNotEquals(await seen(model), alone);
    found.push(await seen(model));
    using tape = new Tape(device);
    tape.backward(lossOf(tape, model));
    for (const parameter of both) assert(tape.gradientOf(parameter), parameter.name);
    first.remove();
    assertEquals(new Set(model.trainable()), new Set(second.parameters));
  }
  // The values are the same, but a start beside LoRA's zeros and one without it are computed by other kernels.
  assertAllClose(found[0], found[1], tolerance(epsilon));
}

/** Properties of virtual tokens. */
export const checks: readonly Check[] = [
  ...families.map((name): Check => ({
    name: `virtual tokens on ${name} start as words before every sequence`,
    run: (device, epsilon) => checkStart(device, name, epsilon),
  })),
  ...pairs.map(([kind, name]): Check => ({
    name:
      `${kind} on ${name} trains what is counted, is saved and loaded, and leaves the base's bits`,
    async run(device) {
      await checkRemoval(device, kind, name);
      await checkTraining(device, kind, name);
      await checkSaved(device, kind, name);
    },
  })),
  ...pairs.filter(([, name]) => /gpt2|llama$|wide|qwen/.test(name)).map(([kind, name]): Check => ({
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
  ...kinds.map((kind): Check => ({
    name: `${kind} and LoRA act and train together, whichever came first`,
    run: (device, epsilon) => checkWithLora(device, kind, epsilon),
  })),
];
