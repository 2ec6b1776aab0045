/** `--allow NAME` in every command that reads an adapter. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { filesIn, withFolder } from "../support/folders.ts";
import { golden, tensorsOf } from "../support/golden.ts";
import "../support/open_lapack.ts";
import { writeRawAdapter } from "../formats/adapter_folders.ts";
import { trainArgs } from "./arguments.ts";
import { assertFails, lowrank, model } from "./lowrank.ts";

/** PEFT's golden adapter with a target that matches nothing, and a field that nobody knows. */
async function writeOdd(folder: string): Promise<void> {
  const source = golden("adapters/peft_c_attn");
  const config = JSON.parse(await Deno.readTextFile(`${source}/adapter_config.json`));
  const odd = { ...config, target_modules: ["c_attn", "q_proj"], use_magic: true };
  const tensors = await tensorsOf(`${source}/adapter_model.safetensors`);
  await writeRawAdapter(folder, odd, Object.fromEntries(tensors));
}

/** Every command that reads an adapter, with what it needs beside it. */
async function commands(adapter: string, folder: string): Promise<string[][]> {
  const cases = `${folder}/cases.json`, gradients = golden("gradients/input.json");
  await Deno.writeTextFile(cases, JSON.stringify({ cases: { a: { input_ids: [[5, 6]] } } }));
  const both = ["--model", model, "--adapter", adapter];
  return [
    ["logits", ...both, "--input", cases, "--output", `${folder}/logits`],
    ["gradients", ...both, "--input", gradients, "--case", "labelled", "--output", `${folder}/g`],
    ["merge", ...both, "--output", `${folder}/merged`],
    ["inspect", adapter],
    ["compare", adapter, adapter],
    ["resize", adapter, "--rank", "1", "--output", `${folder}/resized`],
    ["convert", adapter, "--output", `${folder}/converted`],
    [...await trainArgs(folder, `${folder}/trained`), "--adapter", adapter],
  ];
}

Deno.test("what stops an adapter names the flag that lets it pass, in every command", () =>
  withFolder(async (folder) => {
    const adapter = `${folder}/odd`;
    await Deno.mkdir(adapter);
    await writeOdd(adapter);
    for (const command of await commands(adapter, folder)) {
      await assertFails(command, "found true; --allow unknownFields lets it pass");
      const once = [...command, "--allow", "unknownFields"];
      await assertFails(once, 'found "q_proj"; --allow unmatchedTargets lets it pass');
      const { code, stderr } = await lowrank(...once, "--allow", "unmatchedTargets");
      assertEquals(code, 0, stderr);
      assertMatch(
        stderr,
        /let pass.*: unknownFields: use_magic, unmatchedTargets: q_proj/,
        command[0],
      );
    }
    assertEquals(filesIn(`${folder}/converted`), [
      "README.md",
      "adapter_config.json",
      "adapter_model.safetensors",
    ]);
  }));

Deno.test("where updates alone are read, nothing lets DoRA pass as the product of A and B", async () => {
  const dora = golden("adapters/peft_dora"), plain = golden("adapters/peft_all_linear");
  const all = ["unknownFields", "unknownTensors"].flatMap((name) => ["--allow", name]);
  for (const command of [["inspect", dora], ["compare", plain, dora]]) {
    for (const allowed of [[], all]) {
      await assertFails(
        [...command, ...allowed],
        "as DoRA's change of a weight depends on that weight, found true: lowrank convert --plain writes",
      );
    }
  }
});

Deno.test("an adapter of which everything is let pass is refused, in every command", () =>
  withFolder(async (folder) => {
    const adapter = `${folder}/none`, source = golden("adapters/peft_c_attn");
    const config = JSON.parse(await Deno.readTextFile(`${source}/adapter_config.json`));
    const tensors = await tensorsOf(`${source}/adapter_model.safetensors`);
    await Deno.mkdir(adapter);
    await writeRawAdapter(
      adapter,
      { ...config, target_modules: ["q_proj"] },
      Object.fromEntries(tensors),
    );
    const allowed = ["--allow", "unknownTensors", "--allow", "unmatchedTargets"];
    const sentence = "at least one update must be left, found that all 2 were let pass";
    for (const command of await commands(adapter, folder)) {
      await assertFails([...command, ...allowed], sentence);
    }
  }));

Deno.test("--allow takes known names, and an adapter to be about", async () => {
  await assertFails(
    ["inspect", golden("adapters/peft_c_attn"), "--allow", "everything"],
    "It must be one of unknownFields, unknownTensors, missingTensors, unmatchedTargets, ranks, nonFinite.",
  );
  const files = ["--model", model, "--input", golden("logits.json"), "--output", "out"];
  const { stderr } = await lowrank("logits", ...files, "--allow", "ranks");
  assertStringIncludes(stderr, "--allow is about an adapter: give --adapter too");
});
