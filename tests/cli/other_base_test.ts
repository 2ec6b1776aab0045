/** The note that an adapter is used with another base than the one that it names. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { otherBase } from "../../src/cli/other_base.ts";
import { readAdapter, writeAdapter } from "../../src/formats/mod.ts";
import { withFolder } from "../support/folders.ts";
import { golden } from "../support/golden.ts";
import "../support/open_lapack.ts";
import { writeJson } from "./arguments.ts";
import { lowrank, model } from "./lowrank.ts";

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
