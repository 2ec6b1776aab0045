/** Commands that run a model, on every family and kind of head. */

import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { injectLora, loadAdapter } from "../../src/adapt/mod.ts";
import { catalog } from "../../src/architectures/mod.ts";
import { hostTensor } from "../../src/core/tensor.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { readAdapter, writeSafetensors } from "../../src/formats/mod.ts";
import { loadModel, outputsOf } from "../../src/models/mod.ts";
import { tokenizerConfig, tokenizerJson } from "../../src/tokenizer/mod.ts";
import { savedAdapter } from "../adapt/saved_adapter.ts";
import { assertAllClose } from "../support/all_close.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { golden, goldenJson, tensorsOf } from "../support/golden.ts";
import { debertas, saveRandomDeberta } from "../support/random_deberta.ts";
import { writeJson } from "./arguments.ts";
import { assertFails, lowrank, lowrankJson } from "./lowrank.ts";

/** One character for each of the 36 tokens before the end of text. */
const letters = Array.from({ length: 36 }, (_, id) => String.fromCharCode(33 + id));
const vocabulary = {
  tokens: [...letters, "<|endoftext|>"],
  merges: [],
  specialToken: "<|endoftext|>",
};

/** Copies a golden model, with a tokenizer beside it and fields of its configuration changed. */
async function writeModel(folder: string, family: string, change: object = {}): Promise<string> {
  const model = `${folder}/${family}`, from = golden(`families/${family}`);
  await Deno.mkdir(model, { recursive: true });
  await Deno.copyFile(`${from}/model.safetensors`, `${model}/model.safetensors`);
  const config = await goldenJson(`families/${family}/config.json`);
  await writeJson(`${model}/config.json`, { ...config, ...change });
  await writeJson(`${model}/tokenizer.json`, tokenizerJson(vocabulary));
  await writeJson(`${model}/tokenizer_config.json`, tokenizerConfig(vocabulary));
  return model;
}

const decoders = ["llama", "llama3_tied", "llama_wide", "mistral", "qwen2", "qwen3", "gpt_neox"];
for (const family of [...decoders, "gpt_neox_serial"]) {
  Deno.test(`generate continues a prompt of ${family} with transformers' tokens`, () =>
    withFolder(async (folder) => {
      const { cases: { plain }, greedy } = await goldenJson(`families/${family}.json`);
      const prompt = plain.input_ids[0].map((id: number) => letters[id]).join("");
      const ask = ["--prompt", prompt, "--max-new-tokens", String(greedy.length)];
      const model = await writeModel(folder, family);
      const { tokens } = await lowrankJson("generate", "--model", model, ...ask);
      assertEquals(tokens, greedy);
    }));
}

Deno.test("an encoder and a classifier of any family do not generate", () =>
  withFolder(async (folder) => {
    const ask = async (family: string, sentence: string, change?: object) => {
      const model = await writeModel(folder, family, change);
      await assertFails(["generate", "--model", model, "--prompt", "!"], sentence);
    };
    const rule = "generating needs a model that predicts the next token, found";
    await ask("bert_masked", `${rule} BERT of 2 blocks, width 16, 4 heads, in ${folder}`);
    await ask("roberta_masked", `${rule} RoBERTa of 2 blocks`);
    await ask("bert_masked", `${rule} BERT of 2 blocks`, { architectures: ["BertModel"] });
    const classifier = "generating needs a language model, found a classifier of";
    await ask("bert_classifier", `${classifier} 3 labels: lowrank evaluate measures it`);
    await ask("bert_regression", `${classifier} 1 label: lowrank evaluate measures it`);
    await ask("llama_classifier", classifier);
  }));

Deno.test("the outputs of an encoder without a head are a state for each token", () =>
  withFolder(async (folder) => {
    const model = await writeModel(folder, "bert_classifier", { architectures: ["BertModel"] });
    const tensors = [...await tensorsOf(`${model}/model.safetensors`)]
      .map(([name, tensor]) => [name.replace("bert.", ""), tensor] as const);
    await writeSafetensors(
      `${model}/model.safetensors`,
      tensors.filter(([name]) => !/^classifier/.test(name)),
    );
    const input = await writeJson(`${folder}/c.json`, {
      cases: { a: { input_ids: [[1, 2], [3, 4]] } },
    });
    const output = `${folder}/o.safetensors`;
    await lowrankJson("logits", "--model", model, "--input", input, "--output", output);
    assertEquals((await tensorsOf(output)).get("logits.a")!.shape, [2, 2, 16]);
  }));

const ids = [[5, 6, 7, 8], [9, 10, 11, 12]];
const trained = {
  bert_classifier: { input_ids: ids, labels: [0, 2] },
  bert_regression: { input_ids: ids, labels: [0.5, -1] },
  bert_masked: { input_ids: ids, labels: [[-100, 20, -100, -100], [-100, -100, 21, -100]] },
  roberta_classifier: { input_ids: ids, labels: [1, 0] },
  roberta_masked: { input_ids: ids, labels: [[-100, 20, -100, -100], [-100, -100, 21, -100]] },
  llama_classifier: { input_ids: ids, labels: [2, 1] },
  llama: { input_ids: ids, labels: ids },
  gpt_neox: { input_ids: ids, labels: ids },
  gpt_neox_classifier: { input_ids: ids, labels: [2, 1] },
};

for (const [family, batch] of Object.entries(trained)) {
  Deno.test(`train learns a batch of ${family} by labels of its own kind, as gradients counts it`, () =>
    withFolder(async (folder) => {
      const model = golden(`families/${family}`), output = `${folder}/out`;
      const batches = await writeJson(`${folder}/b.json`, { batches: [batch] });
      const steps = ["--steps", "20", "--learning-rate", "0.02", "--method", "lora"];
      const files = ["--model", model, "--batches", batches, "--output", output];
      const { firstLoss, loss } = await lowrankJson("train", ...files, ...steps);
      assert(loss < 0.9 * firstLoss, `${firstLoss} to ${loss}`);
      const input = await writeJson(`${folder}/c.json`, { cases: { a: batch } });
      const one = ["--input", input, "--case", "a", "--output", `${folder}/g.safetensors`];
      const before = await lowrankJson("gradients", "--model", model, ...one);
      assert(Math.abs(before.loss - firstLoss) < 1e-5, `${before.loss} and ${firstLoss}`);
      const after = await lowrankJson("gradients", "--model", model, "--adapter", output, ...one);
      assert(after.loss < loss, `${after.loss} after the last step`);
    }));
}

Deno.test("a batch of ids alone is one for a causal model only", () =>
  withFolder(async (folder) => {
    const batches = await writeJson(`${folder}/b.json`, { batches: [ids] });
    for (const family of ["bert_masked", "bert_classifier"]) {
      const files = ["--model", golden(`families/${family}`), "--batches", batches];
      const rest = ["--steps", "1", "--learning-rate", "0.1", "--output", `${folder}/out`];
      const sentence = "batch 0 must have labels as well as input_ids";
      await assertFails(["train", ...files, ...rest], sentence);
    }
    assertEquals(filesIn(folder), ["b.json"]);
  }));

Deno.test("compare and inspect take adapters of every family, without a base", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 1 });
    for (const family of ["bert_classifier", "roberta_masked", ...decoders.slice(3)]) {
      using model = await loadModel(device, golden(`families/${family}`));
      const paths: string[] = [];
      for (const seed of [1, 2]) {
        using adapter = injectLora(model, { rank: 2, targetModules: "all-linear", seed });
        for (const { B } of adapter.sites) {
          device.write(B.tensor, new Float32Array(B.size).fill(seed));
        }
        await adapter.save(paths[paths.push(`${folder}/${family}-${seed}`) - 1]);
      }
      const { modules } = await lowrankJson("compare", ...paths);
      const { modules: seen } = await lowrankJson("inspect", paths[0]);
      assertEquals(modules.length, seen.length);
      assertStringIncludes(JSON.stringify(seen), model.linears[0].name);
    }
  }));

const tokens = Uint32Array.of(3, 14, 15, 9);

const rows = ["ship", "sailor", "whale", "army", "general", "enemy"].map((name, i) =>
  JSON.stringify({ text: `The ${name} came`, label: i < 3 ? "sea" : "war" })
);

for (const [model_type, fields] of Object.entries(debertas)) {
  Deno.test(`texts with labels train a ${model_type}, whose new pooler is saved too`, () =>
    withFolder(async (folder) => {
      const model = `${folder}/base`, data = `${folder}/mine.jsonl`, output = `${folder}/out`;
      await saveRandomDeberta(model, { model_type, ...fields });
      await Deno.writeTextFile(data, rows.join("\n"));
      const steps = ["--steps", "8", "--validation", "0", "--rank", "2", "--learning-rate", "1e-2"];
      await lowrankJson("train", "--model", model, "--data", data, ...steps, "--output", output);
      const { updates, saved } = await readAdapter(output, { withSaved: true });
      assertEquals(
        updates.map(({ role }) => role),
        model_type === "deberta"
          ? ["q", "v", "q", "v"]
          : [undefined, undefined, undefined, undefined],
      );
      assertEquals([...saved.keys()].sort(), [
        ...["classifier.bias", "classifier.weight", "pooler.dense.bias", "pooler.dense.weight"],
      ]);
      const given = ["--model", model, "--adapter", output, "--data", data];
      const { loss } = await lowrankJson("evaluate", ...given);
      assert(loss < Math.log(2) - 0.01, `${loss}`);
      const { stdout, code } = await lowrank("inspect", output, "--base", model);
      assertEquals(code, 0);
      assertMatch(stdout, model_type === "deberta" ? /in_proj:q/ : /query_proj/);
    }));
}

Deno.test("the memory of DeBERTa XXL, 1.5 billion parameters, is counted by a dry run", async () => {
  const step = ["--rank", "16", "--batch", "4", "--length", "128"];
  const { byRole } = await lowrankJson("memory", "--model", "deberta-v2-xxlarge", ...step);
  const config = catalog["deberta-v2-xxlarge"].config as Record<string, number>;
  const sites = 2 * config.num_hidden_layers * 16 * 2 * config.hidden_size;
  assertEquals(byRole.adapter, 4 * sites);
  assert(byRole.weight > 6e9);
});

Deno.test("the sites of a DeBERTa's in_proj, several ranges of rows each, are merged in files", () =>
  withFolder(async (folder) => {
    const base = golden("families/deberta_classifier"), adapter = `${folder}/adapter`;
    const output = `${folder}/merged`, inputs = { tokens: hostTensor([1, 4], tokens) };
    await savedAdapter(base, adapter, { rank: 3, alpha: 6 });
    const joined = ["--model", base, "--adapter", adapter, "--output", output];
    assertEquals((await lowrank("merge", ...joined)).code, 0);
    using device = new ReferenceDevice();
    using model = await loadModel(device, base), merged = await loadModel(device, output);
    const plain = await outputsOf(model, inputs);
    using _ = await loadAdapter(model, adapter);
    const adapted = await outputsOf(model, inputs), found = await outputsOf(merged, inputs);
    assertAllClose(found.data, adapted.data, { absolute: 1e-5, relative: 0 });
    assert(adapted.data.some((value, i) => Math.abs(value - plain.data[i]) > 0.01));
  }));

Deno.test("DeBERTa's table of distances, whose weight PEFT's layer does not reach, is no target", async () => {
  using device = new ReferenceDevice();
  using model = await loadModel(device, golden("families/deberta_classifier"));
  const inject = (targetModules: string | string[]) =>
    injectLora(model, { rank: 1, targetModules });
  assertThrows(() => inject(["rel_embeddings"]), RangeError, 'found "rel_embeddings"');
  using adapter = inject(".*_embeddings");
  assertEquals(adapter.sites.map(({ name }) => name), [
    ...["word", "position", "token_type"].map((kind) => `deberta.embeddings.${kind}_embeddings`),
  ]);
});
