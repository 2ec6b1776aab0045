/** What goes wrong before anything is written: each a clear sentence and exit code 1. */

import { assertEquals } from "@std/assert";
import { openDevice } from "../../src/device/mod.ts";
import { initGpt2, parseGpt2Config, saveModel } from "../../src/models/mod.ts";
import { filesIn, withFolder } from "../support/folders.ts";
import { writeSparseGpt2 } from "../support/sparse_model.ts";
import { golden } from "../support/golden.ts";
import { logitsArgs, trainArgs, writeJson } from "./arguments.ts";
import { assertFails, lowrankJson, model } from "./lowrank.ts";

const adapter = golden("adapters/peft_c_attn");

/** A copy of the golden model whose weights were changed. */
async function copyModel(folder: string, change = (bytes: Uint8Array) => bytes): Promise<string> {
  await Deno.copyFile(`${model}/config.json`, `${folder}/config.json`);
  const bytes = await Deno.readFile(`${model}/model.safetensors`);
  await Deno.writeFile(`${folder}/model.safetensors`, change(bytes));
  return folder;
}

/** Changes the JSON text of a safetensors header; the text must keep its length. */
const inHeader = (from: string, to: string) => (bytes: Uint8Array): Uint8Array => {
  const text = new TextDecoder("latin1").decode(bytes);
  const at = text.indexOf(from);
  bytes.set(new TextEncoder().encode(to), at);
  return bytes;
};

Deno.test("a rank of 0 is refused, and one larger than the matrix counts as PEFT counts it", async () => {
  await assertFails(["count", "--model", model, "--rank", "0"], "--rank", "of at least 1");
  const { trainable } = await lowrankJson("count", "--model", model, "--rank", "49");
  assertEquals(trainable, 2 * 2 * 49 * (48 + 48));
});

Deno.test("if no module matches, the error lists those that exist", async () => {
  const args = ["count", "--model", model, "--rank", "2"];
  const modules = ["transformer.h.0…1.attn.c_attn", "transformer.h.0…1.mlp.c_proj"];
  await assertFails([...args, "--target-modules", "c_attn,query"], ...modules, 'found "query"');
  await assertFails([...args, "--sites", "q,w"], "q, k, v, o, up, down", ...modules, 'found "w"');
});

Deno.test("a token outside of the vocabulary is named with its position", () =>
  withFolder(async (folder) => {
    const args = await logitsArgs(folder, [[3, 61]]);
    await assertFails(
      args,
      "case one: token id 61 at row 0, position 1 must be below the vocabulary of 61",
    );
    assertEquals(filesIn(folder), ["in.json"]);
    await assertFails(await logitsArgs(folder, [[3, -1]]), "whole numbers, 0 or more, found -1");
    await assertFails(await logitsArgs(folder, [[3, 1.5]]), "whole numbers, 0 or more, found 1.5");
    const long = [new Array(33).fill(1)];
    await assertFails(
      await logitsArgs(folder, long),
      "case one: a row may have at most 32 tokens, the model's context length, found 33",
    );
  }));

Deno.test("a path that leads through a file gives a readable error", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    const reason = "a part of its path is not a folder\n";
    const model = await logitsArgs(folder, [[1]], `${folder}/file`);
    await assertFails(model, `cannot read ${folder}/file/config.json: ${reason}`);
    const args = await trainArgs(folder, `${folder}/out`);
    await assertFails(
      [...args, "--batches", `${folder}/file/b.json`],
      `cannot read ${folder}/file/b.json: ${reason}`,
    );
    await assertFails(["inspect", `${folder}/file`], "it is a file, and an adapter is a folder");
    const below = `${folder}/file/below`;
    await assertFails(["inspect", below], `in ${below}: there is no such folder\n`);
  }));

Deno.test("a configuration alone, or a folder without weights, cannot be run", () =>
  withFolder(async (folder) => {
    const config = `${folder}/config.json`;
    await Deno.copyFile(`${model}/config.json`, config);
    await assertFails(
      await logitsArgs(folder, [[1]], config),
      "It must be a folder, with the weights next to",
    );
    await assertFails(
      await logitsArgs(folder, [[1]], folder),
      `cannot read ${folder}/model.safetensors: it does not exist`,
    );
  }));

Deno.test("a classifier writes nothing, and learns from labels of rows alone", () =>
  withFolder(async (folder) => {
    const classifier = ["--model", golden("classifier")];
    const prompt = ["generate", ...classifier, "--prompt", "we"];
    await assertFails(prompt, "generating needs a language model, found a classifier of 3 labels");
    const unlabeled = [...await trainArgs(folder, folder), ...classifier];
    await assertFails(unlabeled, "batch 0 must have labels as well as input_ids");
    const input = ["--input", golden("gradients/input.json"), "--case", "labelled"];
    const output = ["--output", `${folder}/g.safetensors`];
    await assertFails(
      ["gradients", ...classifier, ...input, ...output],
      "labels must be one for each of the 3 rows, found one for each token",
    );
  }));

Deno.test("a truncated weights file is refused", () =>
  withFolder(async (folder) => {
    const broken = await copyModel(folder, (bytes) => bytes.subarray(0, bytes.length / 2));
    await assertFails(
      await logitsArgs(folder, [[1]], broken),
      `cannot read ${folder}/model.safetensors: not a safetensors file: the tensors must end at`,
    );
  }));

Deno.test("a header that claims more than the file holds is refused without allocating it", () =>
  withFolder(async (folder) => {
    const broken = await copyModel(folder, (bytes) => {
      new DataView(bytes.buffer).setBigUint64(0, 2n ** 60n, true);
      return bytes;
    });
    const args = await logitsArgs(folder, [[1]], broken);
    await assertFails(
      args,
      "the header must end within the file",
      "found a length of 1152921504606846976",
    );
    await copyModel(folder, inHeader('"shape":[48]', '"shape":[99]'));
    await assertFails(args, "F32 of shape [99], must have 396 bytes");
  }));

Deno.test("an unknown element type is named", () =>
  withFolder(async (folder) => {
    const broken = await copyModel(folder, inHeader('"dtype":"F32"', '"dtype":"F31"'));
    const args = await logitsArgs(folder, [[1]], broken);
    await assertFails(args, 'must have a known dtype, found "F31"');
    await copyModel(folder, inHeader('"dtype":"F32"', '"dtype":"C64"'));
    await assertFails(args, "model.safetensors");
  }));

Deno.test("weights that do not fit the configuration are named with both shapes", () =>
  withFolder(async (folder) => {
    const other = await copyModel(folder);
    const config = JSON.parse(await Deno.readTextFile(`${folder}/config.json`));
    await writeJson(`${folder}/config.json`, { ...config, vocab_size: 60 });
    await assertFails(
      await logitsArgs(folder, [[1]], other),
      "transformer.wte.weight must have shape [60, 48]",
      "to fit config.json, found [61, 48]",
    );
  }));

Deno.test("an adapter of another model is refused with both shapes", () =>
  withFolder(async (folder) => {
    const config = { vocab_size: 61, n_positions: 32, n_embd: 24, n_layer: 2, n_head: 2 };
    using device = await openDevice({ kind: "cpu" });
    using narrow = initGpt2(device, parseGpt2Config(config), { seed: 1 });
    await saveModel(narrow, folder);
    await assertFails(
      [...await logitsArgs(folder, [[1]], folder), "--adapter", adapter],
      "A and B of transformer.h.0.attn.c_attn must be (rank, 24) and (72, rank)",
      "found [4, 48] and [144, 4]",
    );
  }));

Deno.test("a folder without an adapter and one without weights give different errors", () =>
  withFolder(async (folder) => {
    const args = await logitsArgs(folder, [[1]]);
    const missing = `${folder}/none`;
    await assertFails(
      [...args, "--adapter", missing],
      `cannot read the adapter in ${missing}: there is no such folder`,
    );
    await Deno.mkdir(missing);
    await Deno.copyFile(`${adapter}/adapter_config.json`, `${missing}/adapter_config.json`);
    await assertFails(
      [...args, "--adapter", missing],
      `cannot read ${missing}/adapter_model.safetensors: it does not exist`,
    );
    await assertFails(["inspect", missing], "adapter_model.safetensors: it does not exist");
  }));

Deno.test("a model larger than the cpu device's memory is refused at once", () =>
  withFolder(async (folder) => {
    const shape = { vocab_size: 3e8, n_embd: 4, n_layer: 1, n_head: 1, n_positions: 8 };
    await writeSparseGpt2(folder, shape);
    await assertFails(
      await logitsArgs(folder, [[1]], folder),
      "allocating gpt2 weights needs",
      "of the cpu device's 4294967296 bytes",
    );
  }));

Deno.test("an error in a training file names the field and its rule", () =>
  withFolder(async (folder) => {
    const check = async (config: Record<string, unknown>, ...sentence: string[]) =>
      assertFails(await trainArgs(folder, `${folder}/out`, config), ...sentence);
    await check({ steps: 2.5 }, "steps must be a whole number, 0 or more, found 2.5");
    await check({ learningRate: "1e-3" }, 'learningRate must be a number, found "1e-3"');
    await check(
      { learning_rate: 1 },
      "may have steps, learningRate",
      "found learning_rate (did you mean learningRate?)",
    );
    await check({ schedule: "cosin" }, 'linear or cosine or constant, found "cosin"');
    await check({ method: "adapter" }, "name must be one of full, lora, bitfit, ");
    await check(
      { method: { name: "lora", r: 4 } },
      "method may have name, rank, alpha, sites",
      "found r (did you mean rank?)",
    );
    const peft = { name: "lora", target_modules: ["c_attn"] };
    await check({ method: peft }, "found target_modules (did you mean targetModules?)");
    await check({ method: { lora_alpha: 4 } }, "found lora_alpha (did you mean alpha?)");
    const sites = 'method: sites must be a list such as ["o", "down"] or "all", found "o,down"';
    await check({ method: { name: "lora", sites: "o,down" } }, sites);
    await check({ method: { name: "lora", targetModules: 3 } }, 'or "all-linear", found 3');
    await check({ steps: null }, "train needs --steps, or a configuration with it");
    await check({ lr: 1e-3 }, "found lr (did you mean learningRate?)");
    await check({ clipNorm: -1 }, "clipNorm to be above 0, found -1");
    await check({ optimizer: "lion" }, 'optimizer must be adamw or adamw8bit, found "lion"');
    await check({ optimizer: 8 }, "optimizer must be adamw or adamw8bit, found 8");
    assertEquals(filesIn(folder).includes("out"), false);
  }));

Deno.test("a loss that is not finite ends training, and the error names the step", () =>
  withFolder(async (folder) => {
    const args = await trainArgs(folder, `${folder}/out`, { steps: 9, learningRate: 1e30 });
    const hint = "; try a lower --learning-rate";
    await assertFails(
      args,
      "training needs a finite",
      "at step 2 of 9; wrote the log of 1 step",
      hint,
    );
  }));

Deno.test("gradients of a case without labels names the cases that have some", () =>
  withFolder(async (folder) => {
    const output = ["--output", `${folder}/g.safetensors`];
    const args = ["gradients", "--model", model, ...output, "--case", "nope", "--input"];
    const input = golden("gradients/input.json");
    await assertFails([...args, input], `${input} has no case nope; it has labelled, padded`);
    const cases = { one: { input_ids: [[1, 2]] }, two: { input_ids: [[1]], labels: [[1]] } };
    const bare = await writeJson(`${folder}/bare.json`, { cases });
    const sentence = `gradients need labels: case one in ${bare} has none`;
    await assertFails([...args, bare, "--case", "one"], `${sentence} (these do: two)`);
    const logits = golden("logits.json");
    await assertFails([...args, logits, "--case", "plain"], "has none (no case does)");
  }));
