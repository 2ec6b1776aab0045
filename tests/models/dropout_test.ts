/** Dropout of a configuration in training, against transformers, but for attention's probabilities. */

import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { crossEntropy } from "../../src/autograd/mod.ts";
import { Tape } from "../../src/autograd/tape.ts";
import { hash32 } from "../../src/core/random.ts";
import { hostTensor } from "../../src/core/tensor.ts";
import { type Device, openDevice, type Tensor } from "../../src/device/mod.ts";
import { loadModel, type LoadModelOptions, type TextModel } from "../../src/models/mod.ts";
import { evaluate, train } from "../../src/train/mod.ts";
import { golden, goldenJson } from "../support/golden.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";

const { ids, draws, cases } = await goldenJson("dropout.json");
const shape = [ids.length, ids[0].length];
const tokens = hostTensor(shape, Uint32Array.from(ids.flat()));
const shifted = ids.flatMap((row: number[]) => [...row.slice(1), -100]);
const targets = hostTensor(shape, Int32Array.from(shifted));
const batch = { inputs: { tokens }, targets };

/** A golden model with other fields in its configuration. */
async function load(
  device: Device,
  folder: string,
  fields: object,
  options?: LoadModelOptions,
): Promise<TextModel> {
  const config = { ...await goldenJson(`${folder}/config.json`), ...fields };
  const weights = await Deno.readFile(golden(`${folder}/model.safetensors`));
  const files = [
    new File([JSON.stringify(config)], "config.json"),
    new File([weights], "model.safetensors"),
  ];
  return await loadModel(device, files, options);
}

/** The loss of one draw of all masks. */
async function lossOf(model: TextModel, dropoutSeed: number): Promise<number> {
  using tape = new Tape(model.device, { dropoutSeed, record: false });
  const loss = crossEntropy(tape, model.forward(tape, { tokens }), targets.data);
  return (await model.device.read(loss))[0].data[0];
}

async function lossesOf(model: TextModel, count: number): Promise<number[]> {
  return await Array.fromAsync({ length: count }, (_, draw) => lossOf(model, hash32(7, draw)));
}

for (const { mean, std, ...rates } of cases) {
  Deno.test(`with ${JSON.stringify(rates)} the mean loss in training is transformers', ${mean.toFixed(3)}`, async () => {
    using device = await openDevice({ kind: "cpu" });
    using model = await load(device, "gpt2_tiny", rates);
    const losses = await lossesOf(model, draws);
    const ours = losses.reduce((sum, loss) => sum + loss) / draws;
    // Four standard errors of the difference of two means; without dropout, rounding.
    const far = Math.max(4 * std * Math.sqrt(2 / draws), 1e-5);
    assert(Math.abs(ours - mean) < far, `${ours} and ${mean}, more than ${far} apart`);
    const square = losses.reduce((sum, loss) => sum + (loss - ours) ** 2, 0) / (draws - 1);
    const gap = Math.abs(Math.sqrt(square) - std);
    assert(gap <= 4 * std / Math.sqrt(draws), `a deviation of ${Math.sqrt(square)} and ${std}`);
  });
}

Deno.test("dropout of a configuration applies to training alone, and an option takes its place", async () => {
  using device = await openDevice({ kind: "cpu" });
  const rates = { embd_pdrop: 0.1, resid_pdrop: 0.3 };
  using plain = await load(device, "gpt2_tiny", {});
  using dropped = await load(device, "gpt2_tiny", rates);
  assertEquals(await evaluate(dropped, [batch]), await evaluate(plain, [batch]));
  using off = await load(device, "gpt2_tiny", rates, { dropout: 0 });
  assertEquals(await lossesOf(off, 2), await lossesOf(plain, 2));
  using even = await load(device, "gpt2_tiny", { embd_pdrop: 0.3, resid_pdrop: 0.3 });
  using option = await load(device, "gpt2_tiny", rates, { dropout: 0.3 });
  assertEquals(await lossesOf(option, 2), await lossesOf(even, 2));
});

Deno.test("dropout that is asked for and not applied is said", async () => {
  using device = await openDevice({ kind: "cpu" });
  using asks = await load(device, "gpt2_tiny", { attn_pdrop: 0.1 });
  assertEquals(
    asks.unappliedDropout,
    "attn_pdrop of config.json, 0.1, is not applied: attention's probabilities are never dropped",
  );
  using decided = await load(device, "gpt2_tiny", { attn_pdrop: 0.1 }, { dropout: 0 });
  assertEquals(decided.unappliedDropout, undefined);
  const { description } = train(asks, [batch], { steps: 1 });
  assertEquals(description, `trains all 61,104 values of the model; ${asks.unappliedDropout}`);
  const rule = "a gpt2 configuration needs resid_pdrop to be in [0, 1), found 1.5";
  await assertRejects(() => load(device, "gpt2_tiny", { resid_pdrop: 1.5 }), RangeError, rule);
});

/** The share of zeros in what each linear layer of a classifier reads, in a step of training. */
async function zerosIn(model: TextModel): Promise<Map<string, number>> {
  const batch = 64, read = new Map<string, Tensor>();
  const onLinear = (name: string, x: Tensor) => void read.set(name, x);
  using tape = new Tape(model.device, { dropoutSeed: 5, record: false, onLinear });
  const data = Uint32Array.from({ length: 2 * batch }, (_, i) => 3 + i % 11);
  model.forward(tape, { tokens: { shape: [batch, 2], data } });
  const found = new Map<string, number>();
  for (const [name, x] of read) {
    const [{ data }] = await model.device.read(x);
    found.set(name, data.filter((value) => value === 0).length / data.length);
  }
  return found;
}

/** The layers of each family's classifier, and the rates of what they read. */
const classifiers = {
  bert_classifier: { "bert.pooler.dense.weight": 0, "classifier.weight": 0.25 },
  roberta_classifier: { "classifier.dense.weight": 0.25, "classifier.out_proj.weight": 0.25 },
} as const;

/** Four deviations of a share of 64 · 16 values. */
const assertShare = (zeros: number, rate: number, name?: string) =>
  assertAlmostEquals(zeros, rate, 4 * Math.sqrt(rate * (1 - rate) / 1024), name);

for (const [family, rates] of Object.entries(classifiers)) {
  Deno.test(`${family}: what its classifier reads is dropped at a rate of its own`, async () => {
    using device = new ReferenceDevice();
    const own = { classifier_dropout: 0.25, hidden_dropout_prob: 0 };
    using model = await load(device, `families/${family}`, own);
    for (const [name, zeros] of await zerosIn(model)) {
      assertShare(zeros, (rates as Readonly<Record<string, number>>)[name] ?? 0, name);
    }
    const last = Object.keys(rates)[1];
    for (
      const [fields, dropout, rate] of [
        [{ classifier_dropout: null, hidden_dropout_prob: 0.25 }, undefined, 0.25],
        [{ classifier_dropout: 0.9 }, 0.25, 0.25],
        [{ classifier_dropout: 0.9 }, 0, 0],
      ] as const
    ) {
      using other = await load(device, `families/${family}`, fields, { dropout });
      assertShare((await zerosIn(other)).get(last)!, rate, JSON.stringify([fields, dropout]));
    }
  });
}

for (
  const [family, field] of [
    ["bert_masked", "attention_probs_dropout_prob"],
    ["deberta_v2_masked", "attention_probs_dropout_prob"],
    ["qwen2", "attention_dropout"],
  ]
) {
  Deno.test(`${family}: dropout of attention's probabilities is said not to be applied`, async () => {
    using device = new ReferenceDevice();
    using asks = await load(device, `families/${family}`, { [field]: 0.1 });
    assertEquals(
      asks.unappliedDropout,
      `${field} of config.json, 0.1, is not applied: attention's probabilities are never dropped`,
    );
    using plain = await load(device, `families/${family}`, {});
    assertEquals(plain.unappliedDropout, undefined);
  });
}
