import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { terminalText } from "../../src/core/terminal_text.ts";
import { goodConfig, matrix, writeRawAdapter } from "../formats/adapter_folders.ts";
import { withFolder } from "../support/folders.ts";
import { assertFailed, lowrank, lowrankJson } from "./lowrank.ts";

/** Clears the screen, retitles the window, turns the rest around, and begins a line. */
const evil = "h.0.\x1b[2J\x1b]0;t\x07\x9b31m\u202e\u2066\x85ok\tc_attn";

const shown = "h.0.\\u{1b}[2J\\u{1b}]0;t\\u{7}\\u{9b}31m\\u{202e}\\u{2066}\\u{85}ok\\u{9}c_attn";

const names = [evil, "h.1.mlp.c_fc"];

/** Writes an adapter with a module of that name beside an honest one. */
async function hostileAdapter(folder: string): Promise<void> {
  const config = { ...goodConfig, target_modules: names };
  const tensors = Object.fromEntries(names.flatMap((name) => [
    [`base_model.model.${name}.lora_A.weight`, matrix(2, 3)],
    [`base_model.model.${name}.lora_B.weight`, matrix(4, 2)],
  ]));
  await writeRawAdapter(folder, config, tensors);
}

/** Fails if a terminal would do anything but write the text. */
function assertPlain(text: string): void {
  assertEquals(text, terminalText(text));
  assert(!text.includes("\t"), text);
}

Deno.test("inspect and compare show hostile names of modules in their column, escaped", () =>
  withFolder(async (folder) => {
    await hostileAdapter(folder);
    for (const args of [["inspect", folder], ["compare", folder, folder]]) {
      const { code, stdout, stderr } = await lowrank(...args);
      assertEquals(code, 0, stderr);
      assertPlain(stdout + stderr);
      // The parts that all names begin with are said elsewhere.
      const width = shown.length, rows = [shown, names[1]].map((name) => name.slice(2));
      assertStringIncludes(stdout, "names begin with h.\n");
      const lines = stdout.split("\n"), first = lines.findIndex((line) => line.startsWith(rows[0]));
      const column = lines.slice(first - 1, first + 2).map((line) =>
        line.slice(0, width).trimEnd()
      );
      assertEquals(column, [args[0] === "inspect" ? "site" : "module", ...rows]);
      const { modules } = await lowrankJson(...args);
      // deno-lint-ignore no-explicit-any -- rows of two commands
      assertEquals(modules.map(({ name }: any) => name), names);
    }
    const { stdout } = await lowrank("inspect", folder, "--json");
    assertPlain(stdout);
  }));

Deno.test("errors show hostile names of modules, fields and files in one plain line", () =>
  withFolder(async (folder) => {
    await hostileAdapter(folder);
    const config = `${folder}/adapter_config.json`;
    const fails = async (args: string[], sentence: string) => {
      const outcome = await lowrank(...args);
      assertFailed(outcome, sentence);
      assertPlain(outcome.stderr);
    };
    await Deno.writeTextFile(config, JSON.stringify({ ...goodConfig, target_modules: ["x"] }));
    await fails(["inspect", folder], 'every module that has weights, found "h.0.\\u001b[2J');
    await Deno.writeTextFile(config, JSON.stringify({ ...goodConfig, ["\x9b2J\u202e"]: 1 }));
    await fails(["inspect", folder], "\\u{9b}2J\\u{202e} must be null, false or empty");
    const patterns = { ...goodConfig, target_modules: "(\u202e" };
    await Deno.writeTextFile(config, JSON.stringify(patterns));
    await fails(["inspect", folder], 'must close every group that it opens, found "(\\u{202e}"');
    await fails(["inspect", `${folder}/\x1b]0;t\x07`], "\\u{1b}]0;t\\u{7}");
    await fails(["count", `${folder}/\u202egpt2`], "\\u{202e}gpt2");
  }));

Deno.test("count shows what a hostile configuration names, escaped", () =>
  withFolder(async (folder) => {
    const config = { model_type: "\x9b2Jgpt2\u2067", n_layer: 1 };
    await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(config));
    const outcome = await lowrank("count", folder);
    assertFailed(outcome);
    assertPlain(outcome.stderr);
    assertStringIncludes(outcome.stderr, "\\u{9b}2Jgpt2\\u{2067}");
  }));
