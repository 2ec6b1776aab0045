/** The sequence classification head, rows that are picked, and token types: against transformers and by differences. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { crossEntropy, Tape } from "../../src/autograd/mod.ts";
import { readJson } from "../../src/storage/files.ts";
import { hostTensor } from "../../src/core/tensor.ts";
import type { Device } from "../../src/device/device.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import {
  type ForwardOptions,
  generate,
  initGpt2,
  loadModel,
  type ModelInputs,
  parseGpt2Config,
  saveModel,
  type TextModel,
} from "../../src/models/mod.ts";
import { train } from "../../src/train/mod.ts";
import { coreDevices } from "../support/devices.ts";
import { assertAllClose } from "../support/all_close.ts";
import { assertGradients } from "../support/finite_differences.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { golden, tensorsOf } from "../support/golden.ts";
import { collect } from "../train/fixtures.ts";

const architectures = ["GPT2ForSequenceClassification"];
const shape = { vocab_size: 11, n_positions: 8, n_embd: 12, n_layer: 2, n_head: 3 };
const config = parseGpt2Config({ ...shape, architectures, num_labels: 3, pad_token_id: 0 });

/** Three sequences of 4, 2 and 1 tokens. */
const tokens = hostTensor([3, 4], Uint32Array.of(1, 4, 0, 9, 10, 3, 0, 0, 3, 0, 0, 0));
const classes = hostTensor([3], Int32Array.of(2, 0, 1));

async function logitsOf(model: TextModel, inputs: ModelInputs, options?: ForwardOptions) {
  using tape = new Tape(model.device, { record: false });
  return (await model.device.read(model.forward(tape, inputs, options)))[0];
}

async function assertGolden(device: Device, folder: string, ...cases: string[]): Promise<void> {
  using model = await loadModel(device, golden(folder));
  const expected = await tensorsOf(golden("classifier.safetensors"));
  const { cases: all } = await readJson(golden("classifier.json")) as {
    cases: Record<string, Record<string, number[][]>>;
  };
  for (const what of cases) {
    const { input_ids, attention_mask, token_type_ids } = all[what];
    const table = (rows: number[][]) =>
      hostTensor([rows.length, rows[0].length], Uint32Array.from(rows.flat()));
    const { data } = await logitsOf(model, {
      tokens: table(input_ids),
      attentionMask: attention_mask && table(attention_mask),
      tokenTypeIds: token_type_ids && table(token_type_ids),
    });
    assertAllClose(data, expected.get(`logits.${what}`)!.data, { absolute: 5e-5, what });
  }
}

for (const { name, open } of coreDevices) {
  Deno.test(`${name}: logits of a classifier equal transformers' to 5e-5`, async () => {
    using device = await open();
    await assertGolden(device, "classifier", "padded", "left_padding");
  });

  Deno.test(`${name}: logits with token types equal transformers' to 5e-5`, async () => {
    using device = await open();
    await assertGolden(device, "gpt2_tiny", "token_types");
  });
}

Deno.test("a classifier's gradients equal finite differences", async () => {
  using device = new ReferenceDevice();
  using model = initGpt2(device, config, { seed: 3 });
  await assertGradients(device, model.trainable(), (tape) => {
    return crossEntropy(tape, model.forward(tape, { tokens }), classes);
  });
});

Deno.test("gradients of some rows' logits, one of them twice, equal finite differences", async () => {
  using device = new ReferenceDevice();
  using model = initGpt2(device, parseGpt2Config(shape), { seed: 3 });
  const tokenTypeIds = hostTensor([3, 4], Uint32Array.from({ length: 12 }, (_, i) => i % 2));
  const rows = [7, 2, 7], labels = Int32Array.of(1, 5, 9);
  await assertGradients(device, model.trainable(), (tape) => {
    return crossEntropy(tape, model.forward(tape, { tokens, tokenTypeIds }, { rows }), labels);
  });
  const all = await logitsOf(model, { tokens }), some = await logitsOf(model, { tokens }, { rows });
  const expected = rows.flatMap((row) => [...all.data.subarray(11 * row, 11 * row + 11)]);
  assertEquals([...some.data], expected);
});

Deno.test("a classifier reads one row a sequence: what follows padding's start changes nothing", async () => {
  using device = new ReferenceDevice();
  using model = initGpt2(device, config, { seed: 3 });
  const logits = await logitsOf(model, { tokens });
  assertEquals(logits.shape, [3, 3]);
  const short = hostTensor([1, 2], Uint32Array.of(10, 3));
  const { data } = await logitsOf(model, { tokens: short });
  assertAllClose(data, logits.data.subarray(3, 6), { absolute: 1e-12 });
});

Deno.test("a classifier learns classes", async () => {
  using device = new ReferenceDevice();
  using model = initGpt2(device, config, { seed: 3 });
  const batches = [{ inputs: { tokens }, targets: classes }];
  const events = await collect(train(model, batches, { learningRate: 1e-2, steps: 20 }));
  assertEquals(events[0].counted, 3);
  assert(events.at(-1)!.loss < events[0].loss / 2, `${events[0].loss} to ${events.at(-1)!.loss}`);
});

Deno.test("a classifier's folder says its head, its classes and its padding", async () => {
  using device = new ReferenceDevice();
  using model = await loadModel(device, golden("classifier"));
  await withFolder(async (folder) => {
    await saveModel(model, folder);
    const saved = await readJson(`${folder}/config.json`) as Record<string, unknown>;
    assertEquals(saved.architectures, architectures);
    assertEquals(saved.id2label, { 0: "no", 1: "maybe", 2: "yes" });
    assertEquals(saved.label2id, { no: 0, maybe: 1, yes: 2 });
    assertEquals(model.configJson().label2id, saved.label2id);
    using loaded = await loadModel(device, folder);
    const { num_labels, pad_token_id } = loaded.configJson();
    assertEquals([num_labels, pad_token_id], [3, 0]);
    assertEquals(await logitsOf(loaded, { tokens }), await logitsOf(model, { tokens }));
    const { architectures: _, ...config } = saved;
    await Deno.copyFile(golden("classifier/model.safetensors"), `${folder}/model.safetensors`);
    await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(config));
    const message = "must hold only the tensors of its model, found score.weight";
    await assertRejects(() => loadModel(device, folder), RangeError, message);
  });
});

Deno.test("a configuration without classes has two, and none that are no number", () => {
  const read = (fields: object) => parseGpt2Config({ ...shape, architectures, ...fields });
  assertEquals([read({}).num_labels, read({}).pad_token_id], [2, undefined]);
  assertEquals(read({ num_labels: 5 }).num_labels, 5);
  assertThrows(() => read({ num_labels: 0 }), RangeError, "num_labels to be a positive");
  assertEquals(parseGpt2Config({ ...shape, num_labels: 5 }).num_labels, undefined);
});

Deno.test("a classifier refuses what only a language model has, and sequences without an end", async () => {
  using device = new ReferenceDevice();
  using model = initGpt2(device, config, { seed: 3 });
  using tape = new Tape(device, { record: false });
  const rows = [0], message = "cannot return logits of requested rows";
  assertThrows(() => model.forward(tape, { tokens }, { rows }), RangeError, message);
  const generated = () => collect(generate(model, [1], { maxNewTokens: 1 }));
  await assertRejects(generated, RangeError, "continuing a text needs a causal language model");
  using chosen = device.allocate([3, 3], "u32", "activation", "chosen");
  const ahead = () => model.forward(tape, { tokens: chosen });
  assertThrows(ahead, TypeError, "only a language model takes tokens on the device, found chosen");
  using unpadded = initGpt2(device, { ...config, pad_token_id: undefined }, { seed: 3 });
  const endless = () => unpadded.forward(tape, { tokens });
  assertThrows(endless, RangeError, "needs a pad_token_id in the configuration, found none for 3");
  const one = hostTensor([1, 3], Uint32Array.of(1, 2, 0));
  assertEquals(unpadded.forward(tape, { tokens: one }).shape, [1, 3]);
});
