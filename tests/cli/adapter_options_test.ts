/** Options about adapters: `--allow`, those that are not for a given adapter, and the note of another base. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { otherBase } from "../../src/cli/common.ts";
import { readAdapter, writeAdapter } from "../../src/formats/mod.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { golden, tensorsOf } from "../support/golden.ts";
import "../support/open_lapack.ts";
import { writeRawAdapter } from "../formats/adapter_folders.ts";
import { trainArgs, writeJson } from "./arguments.ts";
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

Deno.test("what stops a part of a joined adapter names the flag too", () =>
  withFolder(async (folder) => {
    const adapter = `${folder}/joined`, rank = ["--rank", "1", "--prefix-length", "2"];
    const made = ["--method", "lora+prefix-embedding", ...rank, "--sites", "q"];
    assertEquals((await lowrank(...await trainArgs(folder, adapter), ...made)).code, 0);
    const part = `${adapter}/lora_config.json`, config = JSON.parse(await Deno.readTextFile(part));
    await writeJson(part, { ...config, use_magic: true });
    const [[logits, ...rest]] = await commands(adapter, folder);
    const found = "found true; --allow unknownFields lets it pass\n";
    await assertFails([logits, ...rest], found);
  }));

Deno.test("where updates alone are read, nothing lets DoRA pass as the product of A and B", async () => {
  const dora = golden("adapters/peft_dora"), plain = golden("adapters/peft_all_linear");
  const all = ["unknownFields", "unknownTensors"].flatMap((name) => ["--allow", name]);
  for (const command of [["inspect", dora], ["compare", plain, dora]]) {
    for (const allowed of [[], all]) {
      await assertFails(
        [...command, ...allowed],
        "as DoRA's change of a weight depends on that weight, found true: lowrank combine --base writes",
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

const first = golden("adapters/peft_c_attn"), second = golden("adapters/peft_all_linear");

Deno.test("training an existing adapter takes no other method and none of its settings", () =>
  withFolder(async (folder) => {
    const args = [...await trainArgs(folder, `${folder}/out`), "--adapter", first];
    const rule = "--adapter keeps its own settings: leave out ";
    await assertFails([...args, "--rank", "8"], `${rule}--rank\n`);
    await assertFails([...args, "--alpha", "8", "--sites", "q"], `${rule}--alpha and --sites\n`);
    await assertFails([...args, "--target-modules", "c_attn"], `${rule}--target-modules\n`);
    await assertFails([...args, "--method", "full"], "cannot continue an adapter");
    const size = ["--method", "bottleneck", "--size", "4"];
    await assertFails([...args, ...size], `${rule}--size\n`);
    const other = `--adapter keeps its own method, lora in ${first}, found bitfit`;
    await assertFails([...args, "--method", "bitfit"], other);
    const configured = async (method: object, ...more: string[]) => [
      ...await trainArgs(folder, `${folder}/out`, { method: { name: "lora", ...method } }),
      ...["--adapter", first, ...more],
    ];
    await assertFails(
      await configured({ rank: 7, init: "pissa", dropout: 0.1 }, "--alpha", "8"),
      `${rule}--alpha and the configuration's rank and the configuration's init\n`,
    );
    const kept = await lowrank(...await configured({ dropout: 0.1 }));
    assertEquals(kept.code, 0, kept.stderr);
    const unknown = `${folder}/unknown`;
    await Deno.mkdir(unknown);
    await Deno.writeTextFile(`${unknown}/adapter_config.json`, '{"method": 5}');
    await assertFails(
      [...await trainArgs(folder, `${folder}/out`), "--adapter", unknown],
      `the method of the adapter in ${unknown} must be one of full, lora, `,
    );
  }));

Deno.test("a second adapter is refused where only one would be used", () =>
  withFolder(async (folder) => {
    const both = ["--adapter", first, "--adapter", second];
    const rule = `It may be given only once here, found ${first} before it`;
    await assertFails([...await trainArgs(folder, `${folder}/out`), ...both], rule);
    const input = golden("gradients/input.json"), output = `${folder}/g.safetensors`;
    const args = ["--input", input, "--case", "labelled", "--output", output];
    await assertFails(["gradients", "--model", model, ...args, ...both], rule);
  }));

Deno.test("full fine-tuning is announced if it is only the default", () =>
  withFolder(async (folder) => {
    const args = await trainArgs(folder, `${folder}/out`);
    const { code, stderr } = await lowrank(...args);
    assertEquals(code, 0, stderr);
    assertStringIncludes(stderr, "full fine-tuning: training 61,");
    assertStringIncludes(stderr, " at learning rate 0.001 (add --method lora for an adapter)\n");
    const other = await trainArgs(folder, `${folder}/named`);
    const named = await lowrank(...other, "--method", "full");
    assertStringIncludes(named.stderr, " at learning rate 0.001\n");
  }));

Deno.test("an adapter's base is another one by its name, not by its place", () =>
  withFolder(async (folder) => {
    const named = async (baseModelName: string, json: object, place: string) => {
      await writeJson(`${folder}/adapter_config.json`, { base_model_name_or_path: baseModelName });
      const own = `${folder}/${place}`;
      await Deno.mkdir(own, { recursive: true });
      await writeJson(`${own}/config.json`, json);
      return await otherBase(own, folder);
    };
    const inCache = "models--openai-community--gpt2/snapshots/0123abcd";
    assertEquals(await named("openai-community/gpt2", {}, "gpt2"), undefined);
    assertEquals(await named("/somewhere/else/GPT2/", {}, "gpt2"), undefined);
    assertEquals(await named("openai-community/gpt2", {}, inCache), undefined);
    assertEquals(await named("me/tiny", { _name_or_path: "you/tiny" }, "base"), undefined);
    assertEquals(await named("", {}, "base"), undefined);
    assertEquals(await named("me/tiny", { _name_or_path: "me/large" }, "base"), "me/tiny");
    assertEquals(await named("me/tiny\n", {}, "base"), "me/tiny\\u{a}");
    assertEquals(await otherBase(`hf:me/tiny@main`, folder), "me/tiny\\u{a}");
    await writeJson(`${folder}/adapter_config.json`, { base_model_name_or_path: "me/tiny" });
    assertEquals(await otherBase(`hf:you/tiny@main`, folder), undefined);
    assertEquals(await otherBase(folder, `${folder}/none`), undefined);
  }));

Deno.test("commands with a base note it on standard error, and nothing if they are to be quiet", () =>
  withFolder(async (folder) => {
    const adapter = `${folder}/adapter`, note = `names base me/other, not ${model}\n`;
    const { updates } = await readAdapter(golden("adapters/peft_c_attn"));
    await writeAdapter(adapter, { updates, baseModelName: "me/other", fanInFanOut: true });
    const input = await writeJson(`${folder}/in.json`, { cases: { a: { input_ids: [[5, 6]] } } });
    const both = ["--model", model, "--adapter", adapter];
    for (
      const command of [
        ["logits", ...both, "--input", input, "--output", `${folder}/logits`],
        ["merge", ...both, "--output", `${folder}/merged`],
        ["inspect", adapter, "--base", model],
        ["convert", adapter, "--base", model, "--output", `${folder}/converted`],
      ]
    ) {
      const { code, stderr } = await lowrank(...command);
      assertStringIncludes(stderr, `note: the adapter in ${adapter} ${note}`);
      assertEquals(code, 0);
      const quiet = await lowrank(...command, "--quiet");
      assertEquals([quiet.code, quiet.stderr], [0, ""]);
    }
  }));
