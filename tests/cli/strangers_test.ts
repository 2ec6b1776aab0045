/** Models and adapters that somebody else sent: what is wrong with them is one sentence, and nothing is written. */

import { assertEquals } from "@std/assert";
import { copyFiles } from "../../src/storage/folder.ts";
import { openDevice } from "../../src/device/mod.ts";
import { initGpt2, parseGpt2Config, saveModel } from "../../src/models/mod.ts";
import { goodConfig, matrix, spoilLastValue, writeRawAdapter } from "../formats/adapter_folders.ts";
import { withHeader } from "../fuzz/tensors.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { golden } from "../support/golden.ts";
import { writeSparseGpt2 } from "../support/sparse_model.ts";
import { logitsArgs, trainArgs, writeJson } from "./arguments.ts";
import { assertFails, model } from "./lowrank.ts";

const adapter = golden("adapters/peft_c_attn");

/** A family's golden base, one of its layers by its shape (out, in), and how a configuration calls it. */
interface Family {
  readonly base: string;
  readonly module: string;
  readonly outputs: number;
  readonly inputs: number;
  readonly target: string;
  readonly fanInFanOut?: boolean;
}

const families: readonly Family[] = [
  {
    base: model,
    ...{ module: "transformer.h.0.mlp.c_fc", outputs: 192, inputs: 48 },
    ...{ target: "h.0.mlp.c_fc", fanInFanOut: true },
  },
  {
    base: golden("families/bert_classifier"),
    ...{ module: "bert.encoder.layer.0.intermediate.dense", outputs: 24, inputs: 16 },
    target: "layer.0.intermediate.dense",
  },
  {
    base: golden("families/llama"),
    ...{ module: "model.layers.0.self_attn.k_proj", outputs: 8, inputs: 16 },
    target: "layers.0.self_attn.k_proj",
  },
];

/** Writes an adapter of rank 2, whose configuration may have more fields. */
async function writeStranger(
  folder: string,
  { module, outputs, inputs, target, fanInFanOut = false }: Family,
  fields: object = {},
): Promise<void> {
  const config = { peft_type: "LORA", r: 2, lora_alpha: 4, fan_in_fan_out: fanInFanOut };
  await Deno.mkdir(folder, { recursive: true });
  await writeRawAdapter(folder, { ...config, target_modules: [target], ...fields }, {
    [`base_model.model.${module}.lora_A.weight`]: matrix(2, inputs),
    [`base_model.model.${module}.lora_B.weight`]: matrix(outputs, 2),
  });
}

/** A tensor's entry in a header. */
interface Entry {
  dtype: string;
  shape: number[];
}

/** `logits` and `merge` of a base with an adapter. */
async function commandsOf(folder: string, base: string, adapter: string): Promise<string[][]> {
  return [
    [...await logitsArgs(folder, [[1, 2]], base), "--adapter", adapter],
    ["merge", "--model", base, "--adapter", adapter, "--output", `${folder}/merged`],
  ];
}

Deno.test("an adapter of another architecture, or of another width, is refused by logits and merge", () =>
  withFolder(async (folder) => {
    for (const [i, family] of families.entries()) {
      const stranger = families[(i + 1) % families.length], other = `${folder}/${i}`;
      await writeStranger(other, stranger);
      for (const command of await commandsOf(folder, family.base, other)) {
        await assertFails(command, stranger.module);
      }
      await writeStranger(other, { ...family, inputs: family.inputs + 8 });
      for (const command of await commandsOf(folder, family.base, other)) {
        await assertFails(command, `${family.inputs + 8}`);
      }
    }
    assertEquals(filesIn(folder), ["0", "1", "2", "in.json"]);
  }));

Deno.test("what is wrong with an adapter's files is said by logits and merge, and nothing is written", () =>
  withFolder(async (folder) => {
    const stranger = `${folder}/stranger`, weights = `${stranger}/adapter_model.safetensors`;
    const fails = async (...sentence: string[]) => {
      for (const command of await commandsOf(folder, model, stranger)) {
        await assertFails(command, ...sentence);
      }
    };
    await writeStranger(stranger, families[0], { peft_type: "LOHA" });
    await fails("peft_type");
    await writeStranger(stranger, families[0], { target_modules: ["c_fc", "no_such"] });
    await fails('must match a module that has weights, found "no_such"');
    await writeStranger(stranger, families[0]);
    const good = await Deno.readFile(weights);
    await Deno.writeFile(weights, good.slice(0, -4));
    await fails("adapter_model.safetensors: ", "bytes");
    await Deno.rename(weights, `${stranger}/adapter_model.bin`);
    await fails("found adapter_model.bin (a pickle can run code): convert it");
    assertEquals(filesIn(folder), ["in.json", "stranger"]);
  }));

Deno.test("a model's weights in pickles are refused with how to convert them", () =>
  withFolder(async (folder) => {
    const base = `${folder}/base`;
    await Deno.mkdir(base);
    await Deno.copyFile(`${model}/config.json`, `${base}/config.json`);
    await Deno.writeFile(`${base}/pytorch_model.bin`, new Uint8Array(9));
    for (const command of await commandsOf(folder, base, adapter)) {
      await assertFails(
        command,
        "found pytorch_model.bin in ",
        "convert it in its folder by python",
      );
    }
  }));

Deno.test("a model's file that is cut off, untrue or unlike its configuration is refused", () =>
  withFolder(async (folder) => {
    const base = `${folder}/base`, file = `${base}/model.safetensors`;
    await copyFiles(model, base);
    const args = await logitsArgs(folder, [[1]], base), good = await Deno.readFile(file);
    const fails = async (bytes: Uint8Array, ...sentence: string[]) => {
      await Deno.writeFile(file, bytes);
      await assertFails(args, ...sentence);
    };
    const cut = `cannot read ${file}: not a safetensors file: the tensors must end at`;
    await fails(good.subarray(0, good.length / 2), cut);
    const claims = ["the header must end within the file", "found a length of 10995116"];
    await fails(withHeader(good, () => {}, 2 ** 40), ...claims);
    const inBias = (change: (entry: Entry) => void) =>
      withHeader(good, (header) => change(header["transformer.ln_f.bias"] as Entry));
    await fails(inBias((entry) => entry.shape = [99]), "F32 of shape [99], must have 396 bytes");
    await fails(inBias((entry) => entry.dtype = "F31"), 'must have a known dtype, found "F31"');
    await fails(inBias((entry) => entry.dtype = "C64"), "model.safetensors");
    const config = JSON.parse(await Deno.readTextFile(`${base}/config.json`));
    await writeJson(`${base}/config.json`, { ...config, vocab_size: 60 });
    const shapes = ["transformer.wte.weight must have shape [60, 48]", "found [61, 48]"];
    await fails(good, ...shapes, "to fit config.json");
  }));

Deno.test("a path through a file, a configuration alone and a folder without weights are told apart", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    const reason = "a part of its path is not a folder\n", below = `${folder}/file/below`;
    const logits = (base: string) => logitsArgs(folder, [[1]], base);
    await assertFails(
      await logits(`${folder}/file`),
      `cannot read ${folder}/file/config.json: ${reason}`,
    );
    const batches = [...await trainArgs(folder, `${folder}/out`), "--batches", below];
    await assertFails(batches, `cannot read ${below}: ${reason}`);
    await assertFails(["inspect", `${folder}/file`], "it is a file, and an adapter is a folder");
    await assertFails(["inspect", below], `in ${below}: there is no such folder\n`);
    await Deno.copyFile(`${model}/config.json`, `${folder}/config.json`);
    const alone = "It must be a folder, with the weights next to";
    await assertFails(await logits(`${folder}/config.json`), alone);
    const none = `cannot read ${folder}/model.safetensors: it does not exist`;
    await assertFails(await logits(folder), none);
    const missing = `${folder}/none`, args = [...await logits(model), "--adapter", missing];
    await assertFails(args, `cannot read the adapter in ${missing}: there is no such folder`);
    await Deno.mkdir(missing);
    await Deno.copyFile(`${adapter}/adapter_config.json`, `${missing}/adapter_config.json`);
    await assertFails(
      args,
      `cannot read ${missing}/adapter_model.safetensors: it does not exist`,
    );
  }));

Deno.test({
  name:
    "what is no file, or is a link out of its folder, ends in a sentence, whichever command opens it",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withFolder(async (folder) => {
      await new Deno.Command("mkfifo", { args: [`${folder}/model.safetensors`] }).output();
      await assertFails(["count", `${folder}/model.safetensors`], "it is not a regular file");
      for (const name of ["config.json", "adapter_config.json"]) {
        await Deno.symlink("/dev/zero", `${folder}/${name}`);
      }
      await assertFails(["count", `${folder}/config.json`], "it is not a regular file");
      const combine = ["combine", adapter, folder, "--output", `${folder}/out`];
      const extract = ["extract", model, folder, "--rank", "1", "--output", `${folder}/out`];
      for (const args of [["memory", folder], ["inspect", folder], combine, extract]) {
        await assertFails(args, "config.json: a link must lead to a file in its own");
      }
    }),
});

Deno.test("values that are not finite are refused by every command that reads them", () =>
  withFolder(async (folder) => {
    const spoil = async (from: string, to: string, weights: string) => {
      await copyFiles(from, to);
      await spoilLastValue(`${to}/${weights}`);
      return to;
    };
    const found = "must be finite in F32, found NaN", out = `${folder}/out`;
    const bad = await spoil(adapter, `${folder}/a`, "adapter_model.safetensors");
    const base = await spoil(model, `${folder}/m`, "model.safetensors");
    const output = ["--output", out], place = `the adapter in ${bad}: `;
    await assertFails(["inspect", bad], place, found);
    await assertFails(["compare", bad, adapter], place, found);
    await assertFails(["resize", bad, "--rank", "1", ...output], place, found);
    await assertFails(["combine", adapter, bad, ...output], place, found);
    await assertFails(["merge", "--model", model, "--adapter", bad, ...output], place, found);
    const training = await trainArgs(folder, out);
    for (
      const args of [
        ["extract", model, base, "--rank", "1", ...output],
        ["extract", base, model, "--rank", "1", ...output],
        ["merge", "--model", base, "--adapter", adapter, ...output],
        ["quantize", base, out],
        await logitsArgs(folder, [[1, 2]], base),
        training.map((arg) => arg === model ? base : arg),
      ]
    ) await assertFails(args, `values ${found}`);
    await writeRawAdapter(bad, { ...goodConfig, lora_alpha: 1e308 });
    await assertFails(["inspect", bad], "must be finite in F32, found 5e+307");
  }));

Deno.test("an adapter of a narrower model is refused with both shapes", () =>
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
