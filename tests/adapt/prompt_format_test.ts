/** The prompt format of a training is kept with what it trained, and checked when it is read. */

import { assertEquals, assertRejects } from "@std/assert";
import { injectLora, loadAdapter, merge, swap } from "../../src/adapt/mod.ts";
import { AdapterFileError } from "../../src/core/errors.ts";
import { fillTemplate, plainPrompt } from "../../src/core/batch.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { readAdapter, readSafetensors, writeSafetensors } from "../../src/formats/mod.ts";
import { loadModel, promptFormatOf, saveModel } from "../../src/models/mod.ts";
import { Trainer } from "../../src/train/mod.ts";
import { labels, tinyModel, tokens, withFolder } from "./fixtures.ts";

const promptFormat = { template: "Q: {prompt}", endOfTextFirst: true, separator: " " };
const other = { ...promptFormat, template: "{prompt}?" };
const targets = { shape: [2, 5], data: labels };
const batch = { inputs: { tokens }, targets, promptFormat };
const site = { rank: 2, sites: ["q"], seed: 1 };

Deno.test("a step tells the adapter that it trains, or the model, how its prompts are written", () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  {
    using full = new Trainer(model, { learningRate: 1e-3, steps: 1 });
    full.step([{ ...batch, promptFormat: other }]);
  }
  assertEquals([model.promptFormat, promptFormatOf(model)], [other, other]);
  using adapter = injectLora(model, site);
  assertEquals([adapter.promptFormat, promptFormatOf(model)], [undefined, other]);
  using trainer = new Trainer(model, { learningRate: 1e-3, steps: 2 });
  trainer.step([batch]);
  assertEquals([adapter.promptFormat, model.promptFormat], [promptFormat, other]);
  assertEquals(promptFormatOf(model), promptFormat);
  trainer.step([{ inputs: { tokens }, targets }]);
  assertEquals(adapter.promptFormat, promptFormat);
  adapter.remove();
  assertEquals(promptFormatOf(model), other);
});

Deno.test("merging and swapping take the adapter's format along", () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  assertEquals(promptFormatOf(model), plainPrompt);
  using first = injectLora(model, site);
  first.promptFormat = promptFormat;
  first.remove();
  using second = injectLora(model, site);
  second.promptFormat = other;
  using merged = merge(model, first);
  assertEquals(promptFormatOf(merged), promptFormat);
  swap(merged, first, second);
  assertEquals(promptFormatOf(merged), other);
});

Deno.test("a saved adapter and a saved model keep it, and one without it has none", () =>
  withFolder(async (folder) => {
    using device = new ReferenceDevice();
    using model = tinyModel(device);
    using adapter = injectLora(model, site);
    for (const format of [undefined, promptFormat]) {
      adapter.promptFormat = model.promptFormat = format;
      await adapter.save(`${folder}/adapter`);
      assertEquals((await readAdapter(`${folder}/adapter`)).promptFormat, format);
      await saveModel(model, `${folder}/model`);
      using loaded = await loadModel(device, `${folder}/model`);
      using again = await loadAdapter(loaded, `${folder}/adapter`);
      assertEquals([loaded.promptFormat, again.promptFormat], [format, format]);
    }
  }));

const fields =
  "must have a text as template, true or false as endOfTextFirst, a text as separator and nothing else";

const hostile: readonly (readonly [said: string, sentence: string])[] = [
  ["{", 'metadata "lowrank.prompt" must be JSON: '],
  ["[".repeat(1e5), 'metadata "lowrank.prompt" must be JSON: it is nested more than 512 deep'],
  ["null", `${fields}, found null`],
  ["[]", fields],
  [JSON.stringify({ ...promptFormat, template: 3 }), fields],
  [JSON.stringify({ ...promptFormat, endOfTextFirst: "yes" }), fields],
  [JSON.stringify({ ...promptFormat, separator: undefined }), fields],
  [JSON.stringify({ ...promptFormat, toString: 1 }), fields],
  [JSON.stringify({ ...promptFormat, "\u001b[2J": 1 }), fields],
  [JSON.stringify({ ...promptFormat, template: "Q:" }), 'must contain {prompt} once, found "Q:"'],
  [JSON.stringify({ ...promptFormat, template: "{prompt}{prompt}" }), "must contain {prompt} once"],
];

Deno.test("what a file says of its prompts is refused where it is not a format", () =>
  withFolder(async (folder) => {
    using device = new ReferenceDevice();
    using model = tinyModel(device);
    using adapter = injectLora(model, site);
    adapter.promptFormat = promptFormat;
    await adapter.save(folder);
    adapter.remove();
    const path = `${folder}/adapter_model.safetensors`;
    const { tensors, metadata } = await readSafetensors(path);
    for (const [said, sentence] of hostile) {
      const change = { metadata: { ...metadata, "lowrank.prompt": said } };
      await writeSafetensors(path, tensors, change);
      const { message } = await assertRejects(() => loadAdapter(model, folder), AdapterFileError);
      assertEquals(
        [message.includes(sentence), message.includes("\u001b")],
        [true, false],
        message,
      );
    }
  }));

Deno.test("a prompt that looks like a replacement pattern stays as it is", () => {
  assertEquals(fillTemplate(promptFormat, "$& {prompt} $'"), "Q: $& {prompt} $'");
});
