/** Files in the folder of a model: small ones as they are, none from elsewhere, and no adapter beside it. */

import { assert, assertEquals } from "@std/assert";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { golden } from "../support/golden.ts";
import { trainArgs } from "./arguments.ts";
import { assertFails, lowrankJson, model } from "./lowrank.ts";

/** The files that are copied as they are. */
const names = [
  "generation_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "preprocessor_config.json",
  "chat_template.jinja",
  "vocab.txt",
  "merges.txt",
  "tokenizer.model",
];

const adapter = golden("adapters/peft_c_attn");

/** The commands that write a model's folder: from BASE, with all that is in it, to OUT. */
const commands: Readonly<Record<string, (folder: string) => Promise<string[]> | string[]>> = {
  merge: (folder) => [
    ...["merge", "--model", `${folder}/base`, "--adapter", adapter],
    ...["--output", `${folder}/out`],
  ],
  quantize: (folder) => ["quantize", `${folder}/base`, `${folder}/out`],
  train: async (folder) => [
    ...await trainArgs(folder, `${folder}/out`, { method: "full" }),
    ...["--model", `${folder}/base`],
  ],
};

/** Runs a command in a folder in which it finds a model without small files as `base`. */
const inFolder = (
  command: string,
  use: (folder: string, args: string[]) => Promise<void>,
): Promise<void> =>
  withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/base`);
    for (const name of ["config.json", "model.safetensors"]) {
      await Deno.copyFile(`${model}/${name}`, `${folder}/base/${name}`);
    }
    await use(folder, await commands[command](folder));
  });

for (const command of Object.keys(commands)) {
  Deno.test(`${command} copies no file that a link leads to out of the model's folder`, () =>
    inFolder(command, async (folder, args) => {
      await Deno.writeTextFile(`${folder}/secret`, '{"auth": "s3cret"}');
      const tried = names.filter((_, i) => i % 3 === Object.keys(commands).indexOf(command));
      for (const name of tried) {
        const link = `${folder}/base/${name}`;
        await Deno.symlink("../secret", link);
        await assertFails(
          args,
          `cannot read ${link}: a link must lead to a file in its own folder`,
        );
        assert(!filesIn(folder).includes("out"));
        await Deno.remove(link);
      }
    }));

  Deno.test(`${command} copies what a link in the model's folder leads to there, byte for byte`, () =>
    inFolder(command, async (folder, args) => {
      const own = '{"note": "as it is"}\n';
      await Deno.writeTextFile(`${folder}/base/own`, own);
      for (const name of names) await Deno.symlink("own", `${folder}/base/${name}`);
      await lowrankJson(...args);
      for (const name of names) {
        assertEquals(await Deno.readTextFile(`${folder}/out/${name}`), own, name);
        assert(Deno.lstatSync(`${folder}/out/${name}`).isFile);
      }
    }));

  Deno.test(`${command} takes a snapshot of the Hugging Face cache, which a link leads to`, () =>
    inFolder(command, async (folder, args) => {
      const repository = `${folder}/models--owner--name`,
        snapshot = `${repository}/snapshots/c0ffee`;
      await Deno.mkdir(snapshot, { recursive: true });
      for (const name of names) await Deno.writeTextFile(`${folder}/base/${name}`, '{"own": 1}');
      const all = filesIn(`${folder}/base`);
      for (const name of all) await Deno.symlink(`../../blobs/${name}`, `${snapshot}/${name}`);
      await Deno.rename(`${folder}/base`, `${repository}/blobs`);
      await Deno.symlink("models--owner--name/snapshots/c0ffee", `${folder}/base`);
      await lowrankJson(...args);
      for (const name of names) {
        assertEquals(await Deno.readTextFile(`${folder}/out/${name}`), '{"own": 1}', name);
      }
    }));

  Deno.test(`${command} refuses what is named as JSON and is none, and copies other files as they are`, () =>
    inFolder(command, async (folder, args) => {
      const text = "no JSON: \u0000";
      const [json, others] = [true, false].map((isJson) =>
        names.filter((name) => name.endsWith(".json") === isJson)
      );
      for (const name of others) await Deno.writeTextFile(`${folder}/base/${name}`, text);
      for (const name of json) {
        const path = `${folder}/base/${name}`;
        await Deno.writeTextFile(path, text);
        await assertFails(args, `cannot read ${path}: it is not JSON`);
        assert(!filesIn(folder).includes("out"));
        await Deno.remove(path);
      }
      await lowrankJson(...args);
      for (const name of others) {
        assertEquals(await Deno.readTextFile(`${folder}/out/${name}`), text, name);
      }
    }));
}

Deno.test("a model is not written to a folder that holds an adapter", () =>
  withFolder(async (folder) => {
    const out = `${folder}/out`;
    await lowrankJson(...await trainArgs(folder, out, { method: "lora" }));
    const before = filesIn(out);
    const all = "remove adapter_config.json and adapter_model.safetensors";
    const full = await trainArgs(folder, out, { method: "full" });
    await assertFails(full, `${out} already holds an adapter that this training has not made`, all);
    const merge = ["merge", "--model", model, "--adapter", adapter, "--output", out];
    await assertFails(merge, `${out} already holds an adapter; choose another folder, or ${all}`);
    assertEquals(filesIn(out), before);
    await lowrankJson(...await trainArgs(folder, out, { method: "lora" }));
  }));

Deno.test("an adapter is not written to a folder that holds a model", () =>
  withFolder(async (folder) => {
    const out = `${folder}/out`;
    await lowrankJson("merge", "--model", model, "--adapter", adapter, "--output", out);
    await assertFails(
      await trainArgs(folder, out, { method: "lora" }),
      `${out} already holds a model that this training has not made`,
      "choose another folder, or remove model.safetensors",
    );
    const onward = [...await trainArgs(folder, out), "--adapter", adapter];
    await assertFails(onward, "already holds a model");
    await lowrankJson("merge", "--model", model, "--adapter", adapter, "--output", out);
  }));
