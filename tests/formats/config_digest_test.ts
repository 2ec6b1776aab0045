/** Weights know the configuration that they were saved with. */

import { assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../src/storage/digest.ts";
import { readAdapter, readSafetensors, writeAdapter } from "../../src/formats/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { matrix } from "./adapter_folders.ts";

/** Writes an adapter with a scaling. */
const write = (folder: string, scaling: number): Promise<void> =>
  writeAdapter(folder, {
    updates: [{ module: "h.0.c_attn", A: matrix(2, 3), B: matrix(4, 2), scaling }],
    baseModelName: "gpt2",
  });

const config = "adapter_config.json", weights = "adapter_model.safetensors";

const sentence = "adapter_config.json must be the one that the weights were saved with, found " +
  "another: a save was interrupted or is going on, or the file was edited by hand; put the original " +
  "back, or make the change in a program that saves both files, with adapter.save or saveModel";

/** Changes fields of a saved configuration. */
async function edit(folder: string, fields: Record<string, unknown>): Promise<void> {
  const json = JSON.parse(await Deno.readTextFile(`${folder}/${config}`));
  await Deno.writeTextFile(`${folder}/${config}`, JSON.stringify({ ...json, ...fields }));
}

Deno.test("the digest depends on the content of the configuration alone, and stays what it is", () =>
  withFolder(async (folder) => {
    await write(folder, 2);
    const { metadata } = await readSafetensors(`${folder}/${weights}`);
    // A change of this text makes every saved adapter unreadable.
    const text = '{"alpha":4,"alphaPattern":{},"fanInFanOut":false,"rank":2,"rankPattern":{},' +
      '"rankStabilized":false,"targetModules":["h.0.c_attn"]}';
    assertEquals(metadata["lowrank.config"], await sha256(new TextEncoder().encode(text)));
    await edit(folder, {});
    assertEquals((await readAdapter(folder)).updates[0].scaling, 2);
  }));

Deno.test("an adapter with the configuration of another one is refused, in memory too", () =>
  withFolder(async (folder) => {
    await write(`${folder}/one`, 2);
    await write(`${folder}/two`, 3);
    const files = await Promise.all([[`one/${config}`, config], [`two/${weights}`, weights]].map(
      async ([path, name]) => new File([await Deno.readFile(`${folder}/${path}`)], name),
    ));
    await assertRejects(() => readAdapter(files), Error, sentence);
    await Deno.copyFile(`${folder}/one/${config}`, `${folder}/two/${config}`);
    await assertRejects(() => readAdapter(`${folder}/two`), Error, sentence);
  }));

Deno.test("fields that change nothing may be edited by hand, the others may not", () =>
  withFolder(async (folder) => {
    await write(folder, 2);
    const fields = { base_model_name_or_path: "other", task_type: null, lora_dropout: 0.5 };
    await edit(folder, { ...fields, revision: "main", inference_mode: false });
    assertEquals((await readAdapter(folder)).config.baseModelName, "other");
    for (const fields of [{ lora_alpha: 5 }, { use_rslora: true }, { fan_in_fan_out: true }]) {
      await write(folder, 2);
      await edit(folder, fields);
      await assertRejects(() => readAdapter(folder), Error, sentence);
    }
  }));
