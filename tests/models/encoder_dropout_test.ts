/** Where encoders drop in training: as in transformers, but for attention's probabilities. */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { Tape } from "../../src/autograd/tape.ts";
import type { Device, Tensor } from "../../src/device/mod.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { loadModel, type LoadModelOptions, type TextModel } from "../../src/models/mod.ts";
import { golden, goldenJson } from "../support/golden.ts";

async function load(
  device: Device,
  family: string,
  fields: object,
  options?: LoadModelOptions,
): Promise<TextModel> {
  const folder = `families/${family}`;
  const config = { ...await goldenJson(`${folder}/config.json`), ...fields };
  const weights = await Deno.readFile(golden(`${folder}/model.safetensors`));
  const files = [
    new File([JSON.stringify(config)], "config.json"),
    new File([weights], "model.safetensors"),
  ];
  return await loadModel(device, files, options);
}

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
    using model = await load(device, family, own);
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
      using other = await load(device, family, fields, { dropout });
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
    using asks = await load(device, family, { [field]: 0.1 });
    assertEquals(
      asks.unappliedDropout,
      `${field} of config.json, 0.1, is not applied: attention's probabilities are never dropped`,
    );
    using plain = await load(device, family, {});
    assertEquals(plain.unappliedDropout, undefined);
  });
}
