/** What a stranger may hand to `count` and `memory`: each a sentence, and nothing is allocated for it. */

import { goodConfig, matrix, spoilLastValue, writeRawAdapter } from "../formats/adapter_folders.ts";
import { withFolder } from "../support/folders.ts";
import { golden } from "../support/golden.ts";
import { logitsArgs, trainArgs } from "./arguments.ts";
import { assertFails, model } from "./lowrank.ts";

const small = {
  model_type: "gpt2",
  vocab_size: 9,
  n_positions: 8,
  n_embd: 8,
  n_layer: 1,
  n_head: 2,
};

const configs: [changes: Record<string, unknown>, sentence: string][] = [
  [{ n_layer: 1e9 }, "a model may have up to 4096 layers here, found 1000000000"],
  [
    { n_embd: 2 ** 40 },
    "a model must have fewer than 2^53 parameters to be counted, found about 1.5e+25",
  ],
  [{ n_embd: -8 }, "needs n_embd to be a positive integer, found -8"],
  [{ n_embd: "8" }, 'needs n_embd to be a positive integer, found "8"'],
  [{ n_layer: 1.5 }, "needs n_layer to be a positive integer, found 1.5"],
  [{ vocab_size: null }, "needs vocab_size to be a positive integer, found null"],
  [{ model_type: "mamba" }, "must have a model_type of gpt2, bert"],
];

Deno.test("an impossible configuration is refused before anything is listed", () =>
  withFolder(async (folder) => {
    const path = `${folder}/config.json`;
    for (const [changes, sentence] of configs) {
      await Deno.writeTextFile(path, JSON.stringify({ ...small, ...changes }));
      await assertFails(["count", path], sentence);
    }
    await Deno.writeTextFile(path, JSON.stringify({ ...small, n_layer: 1e9 }));
    await assertFails(["memory", path], "a model may have up to 4096 layers here");
    await Deno.writeTextFile(path, JSON.stringify({ ...small, n_embd: 2 ** 40 }));
    await assertFails(["memory", path], "fewer than 2^53 parameters");
    const vast = { ...small, n_embd: 2 ** 20, vocab_size: 2 ** 32 - 1 };
    await Deno.writeTextFile(path, JSON.stringify(vast));
    const step = ["memory", path, "--rank", "1", "--length", "8"];
    await assertFails(step, "a tensor of a model may have at most 17179869184 values, found");
    await Deno.writeTextFile(path, JSON.stringify({ ...vast, n_embd: 2 }));
    const sentence = "the bytes of a step must be below 2^53 to be exact, found about";
    await assertFails([...step, "--batch", `${2 ** 17}`], sentence);
  }));

Deno.test("files and names that are not models give different errors", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/notes.txt`, "");
    await assertFails(
      ["count", `${folder}/notes.txt`],
      "it must be a folder, a .json or a .safetensors file, or a model's name",
    );
    await assertFails(["count", `${folder}/none`], "it does not exist, and is none of the models");
    for (const name of ["toString", "__proto__"]) {
      await assertFails(["count", name], `cannot read ${name}: it does not exist`);
    }
    await assertFails(["count", ""], "It must not be empty");
    const nothing = new Uint8Array(10);
    nothing.set([2], 0);
    nothing.set(new TextEncoder().encode("{}"), 8);
    await Deno.writeFile(`${folder}/empty.safetensors`, nothing);
    await assertFails(
      ["count", `${folder}/empty.safetensors`],
      "counting needs a model with parameters, found none",
    );
    const index = `${folder}/model.safetensors.index.json`;
    const maps = [
      [{}, "weight_map of names to files"],
      [[], "weight_map of names to files"],
      [{ a: "../../etc/passwd" }, "a safetensors file next to the index, found"],
    ];
    for (const [map, sentence] of maps) {
      await Deno.writeTextFile(index, JSON.stringify({ weight_map: map }));
      await assertFails(["count", index], sentence as string);
    }
  }));

Deno.test("impossible ranks, selections and sizes are named", async () => {
  for (const rank of ["NaN", "-4", "1e3", "0x8", "4.5", ""]) {
    await assertFails(["count", "gpt2", "--rank", rank], "--rank", "a whole number of at least 1");
  }
  await assertFails(["memory", "gpt2", "--rank", "769"], "a whole number from 1 to 768, found 769");
  const both = ["--rank", "2", "--sites", "q,v", "--target-modules", "c_attn"];
  for (const command of ["count", "memory"]) {
    await assertFails(
      [command, "gpt2", ...both],
      "an adapter takes --sites or --target-modules, found both: q,v and c_attn",
    );
  }
  await assertFails(["memory", "gpt2", "--batch", "99999999999"], "up to 67108864 tokens, found");
});

/** A copy of a golden folder whose weights end in NaN. */
async function spoiledCopy(from: string, to: string, weights: string): Promise<string> {
  await Deno.mkdir(to);
  for await (const { name } of Deno.readDir(from)) {
    await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
  await spoilLastValue(`${to}/${weights}`);
  return to;
}

Deno.test("values that are not finite are refused by every command that reads them", () =>
  withFolder(async (folder) => {
    const good = golden("adapters/peft_c_attn"),
      sentence = "values must be finite in F32, found NaN";
    const adapter = await spoiledCopy(good, `${folder}/a`, "adapter_model.safetensors");
    const base = await spoiledCopy(model, `${folder}/m`, "model.safetensors");
    const out = `${folder}/out`, place = `the adapter in ${adapter}: `;
    const found = "must be finite in F32, found NaN";
    await assertFails(["inspect", adapter], place, found);
    await assertFails(["compare", adapter, good], place, found);
    await assertFails(["resize", adapter, "--rank", "1", "--output", out], place, found);
    await assertFails(["combine", good, adapter, "--output", out], place, found);
    for (const pair of [[model, base], [base, model]]) {
      await assertFails(["extract", ...pair, "--rank", "1", "--output", out], sentence);
    }
    const merged = ["--adapter", adapter, "--output", out];
    await assertFails(["merge", "--model", model, ...merged], place, found);
    await assertFails(["merge", "--model", base, "--adapter", good, "--output", out], sentence);
    await assertFails(await logitsArgs(folder, [[1, 2]], base), "model.safetensors", sentence);
    const training = await trainArgs(folder, out);
    await assertFails(training.map((arg) => arg === model ? base : arg), sentence);
  }));

Deno.test("a scaling that F32 cannot hold is refused when it is read", () =>
  withFolder(async (folder) => {
    await writeRawAdapter(folder, { ...goodConfig, lora_alpha: 1e308 });
    const resize = ["resize", folder, "--rank", "1", "--output", `${folder}/out`];
    for (const args of [["inspect", folder], resize]) {
      await assertFails(args, "must be finite in F32, found 5e+307");
    }
  }));

Deno.test("two small factors do not make combine form a large update", () =>
  withFolder(async (folder) => {
    const prefix = "base_model.model.h.0.attn.q_proj.lora_", size = 2 ** 15;
    await writeRawAdapter(folder, { ...goodConfig, r: 1, target_modules: ["q_proj"] }, {
      [`${prefix}A.weight`]: matrix(1, size),
      [`${prefix}B.weight`]: matrix(size, 1),
    });
    const output = ["--density", "0.5", "--output", `${folder}/out`];
    await assertFails(
      ["combine", folder, `${folder}:2`, "--method", "ties_svd", ...output],
      "combining by ties_svd forms updates as matrices of at most 536870912 values, found [32768, 32768] in the sum",
    );
  }));

Deno.test({
  name: "what is no file ends in a sentence, whichever command opens it",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withFolder(async (folder) => {
      await new Deno.Command("mkfifo", { args: [`${folder}/model.safetensors`] }).output();
      await assertFails(["count", `${folder}/model.safetensors`], "it is not a regular file");
      await Deno.symlink("/dev/zero", `${folder}/config.json`);
      await assertFails(["count", `${folder}/config.json`], "it is not a regular file");
      await assertFails(["memory", folder], "config.json: a link must lead to a file in its own");
      await Deno.symlink("/dev/zero", `${folder}/adapter_config.json`);
      const combine = ["combine", golden("adapters/peft_c_attn"), folder];
      for (const args of [["inspect", folder], [...combine, "--output", `${folder}/out`]]) {
        await assertFails(args, "adapter_config.json: a link must lead to a file in its own");
      }
      const extract = ["extract", model, folder, "--rank", "1", "--output", `${folder}/out`];
      await assertFails(extract, "config.json: a link must lead to a file in its own");
    }),
});

Deno.test("a seed is a whole number below 2^32, and settings are numbers in F32", () =>
  withFolder(async (folder) => {
    for (const seed of ["-1", "1.5", "NaN", "9007199254740992"]) {
      await assertFails(["inspect", folder, "--seed", seed], "whole number");
    }
    await assertFails(["inspect", folder, "--seed", "4294967296"], "whole number below 2^32");
    const settings: [string, unknown, string][] = [
      ["clipNorm", 1e-300, "AdamW needs clipNorm to be finite and not vanish in F32, found 1e-300"],
      ["epsilon", 1e-99, "AdamW needs epsilon to be finite and not vanish in F32, found 1e-99"],
      ["learningRate", 1e99, "AdamW needs learningRate to be finite and not vanish in F32"],
    ];
    for (const [key, value, sentence] of settings) {
      const args = await trainArgs(folder, `${folder}/out`, { [key]: value });
      await assertFails(args, sentence);
    }
  }));
