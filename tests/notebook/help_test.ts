/** `help` finds every function and class that the package exports, in its own sources. */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import * as lowrank from "../../mod.ts";
import type { DataTable } from "../../src/figures/figure.ts";
import { entries, helpParts } from "../../src/notebook/help.ts";
import { sourceText } from "../../scripts/support/source_files.ts";

Deno.test("help searches the entries of deno.json", () => {
  const { exports } = JSON.parse(sourceText("deno.json"));
  const modules = Object.values<string>(exports).filter((path) => path !== "./cli.ts"); // a program
  const paths = modules.map((path) => path.slice(2, -".ts".length));
  assertEquals(entries.toSorted(), paths.toSorted());
});

Deno.test("help of a function: signature, sentences, options with defaults, errors, an example", async () => {
  const [signature, text, options, errors, example] = await helpParts(lowrank.injectLora);
  assertEquals(signature, "function injectLora(model: Model, options: LoraOptions): LoraAdapter");
  assertStringIncludes(String(text), "Freezes a model and gives each selected site");
  const { rows } = options as DataTable, byName = new Map(rows.map((row) => [row.name, row]));
  for (const name of ["rank", "alpha?", "sites?", "targetModules?", "seed?", "onTop?"]) {
    assert(byName.has(name), name);
  }
  assertEquals(byName.get("dropout?"), {
    name: "dropout?",
    type: "number",
    meaning:
      "Share of each site's input that is zeroed while training with a dropout seed. Default 0.",
  });
  assertStringIncludes(String(errors), "throws {TypeError} when an option does not exist");
  assertStringIncludes(String(example), "using adapter = injectLora(model, {");
});

Deno.test("help of train has the options of the trainer, of AdamW and of schedules", async () => {
  const parts = await helpParts("train"), { rows } = parts[2] as DataTable;
  const names = new Set(rows.map(({ name }) => name));
  for (
    const name of ["steps?", "learningRate?", "clipNorm?", "warmupSteps?", "signal?", "evaluate?"]
  ) {
    assert(names.has(name) || names.has(name.slice(0, -1)), `${name} in ${[...names]}`);
  }
});

Deno.test("help knows every function and class of the main entry, and objects by their class", async () => {
  for (const [name, value] of Object.entries(lowrank)) {
    if (typeof value !== "function") continue;
    const [signature, text] = await helpParts(value);
    assertStringIncludes(String(signature), name);
    assert(String(text).length > 10, name);
  }
  const [head] = await helpParts(new lowrank.Random(1));
  assertEquals(head, "class Random");
});

Deno.test("help of something else says what it needs", async () => {
  for (
    const what of [
      undefined,
      3,
      () => {},
      "no such thing",
      "nothing_of_this_name",
      [],
      "constructor",
    ]
  ) {
    await assertRejects(() => helpParts(what), RangeError, "help needs a function or a class");
  }
});
