/** Our own encoder in transformers, and a classifier's adapter on it in PEFT. */

import { assertEquals } from "@std/assert";
import { injectLora } from "../../src/adapt/mod.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import { textDataset, type Texts } from "../../src/data/mod.ts";
import { openDevice } from "../../src/device/mod.ts";
import { loadModel, outputsOf, type TextModel } from "../../src/models/mod.ts";
import { loadTokenizer } from "../../src/tokenizer/mod.ts";
import { train } from "../../src/train/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { pythonHas, runPython } from "../../scripts/support/python.ts";

const folder = "models/tiny-roberta", labels = ["animal", "plant", "food"];

const texts = [
  "trout: a fish of cold streams",
  "oak: a <mask> that bears acorns",
  "naïve — 123: 🙂 I'll don't",
  "pie: dish baked in pastry-lined pan often with a pastry top",
];

const labeled: Texts = {
  kind: "labeled",
  labels,
  rows: texts.map((text, i) => ({ text, label: i % 3 })),
  description: "four texts",
  digest: "",
};

const table = ({ shape: [, width], data }: HostTensor) =>
  Array.from({ length: data.length / width }, (_, row) => [
    ...data.subarray(row * width, (row + 1) * width),
  ]);

const tokenizer = await loadTokenizer(folder);

/** Our side, with logits for one padded batch of all texts. */
async function foundOf(model: TextModel) {
  const [{ inputs }] = textDataset(model, tokenizer, labeled, { validation: 0, batch: 4 }).train;
  const { data } = await outputsOf(model, inputs);
  return {
    texts,
    ids: texts.map((text) => [...tokenizer.encodeFramed(text)]),
    tokens: table(inputs.tokens),
    mask: table(inputs.attentionMask!),
    logits: [...data],
    labels: labels.length,
  };
}

const ignore = !await pythonHas("torch", "transformers", "peft");

async function check(out: string, found: object, ...args: string[]): Promise<void> {
  const file = `${out}/found.json`;
  await Deno.writeTextFile(file, JSON.stringify(found));
  const given = ["--model", folder, "--found", file, ...args];
  const { code, text } = await runPython("scripts/golden/check_encoder.py", given);
  assertEquals(code, 0, text);
}

Deno.test({
  name:
    "transformers loads our encoder's folder: the same tokens and masked-language logits to 5e-5",
  ignore,
  fn: () =>
    withFolder(async (out) => {
      using device = await openDevice({ kind: "cpu" });
      using model = await loadModel(device, folder);
      await check(out, await foundOf(model));
    }),
});

Deno.test({
  name: "PEFT loads a classifier's adapter on our encoder: the same logits to 5e-5",
  ignore,
  fn: () =>
    withFolder(async (out) => {
      using device = await openDevice({ kind: "cpu" });
      using model = await loadModel(device, folder, { labels });
      const batches = textDataset(model, tokenizer, labeled, { validation: 0, batch: 4 }).train;
      using adapter = injectLora(model, { rank: 4, modulesToSave: ["classifier"], seed: 1 });
      await train(adapter, batches, { learningRate: 1e-2, steps: 10 }).finish();
      await adapter.save(`${out}/adapter`);
      await check(out, await foundOf(model), "--adapter", `${out}/adapter`);
    }),
});
