/** Folders that hold an adapter get no model, and the reverse: it would be loaded with both. */

import { assertEquals } from "@std/assert";
import { filesIn, withFolder } from "../support/folders.ts";
import { golden } from "../support/golden.ts";
import { trainArgs } from "./arguments.ts";
import { assertFails, lowrankJson, model } from "./lowrank.ts";

const adapter = golden("adapters/peft_c_attn");

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
