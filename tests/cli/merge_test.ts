/** `lowrank merge` and `lowrank inspect`. */

import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { assertAllClose } from "../support/all_close.ts";
import { filesIn, withFolder } from "../support/folders.ts";
import { golden, goldenJson, tensorsOf } from "../support/golden.ts";
import { assertFails, lowrank, lowrankJson, model } from "./lowrank.ts";

const adapter = golden("adapters/peft_all_linear");

async function logits(folder: string, ...args: string[]) {
  const output = `${folder}/logits.safetensors`;
  await lowrankJson("logits", "--input", golden("logits.json"), "--output", output, ...args);
  return await tensorsOf(output);
}

Deno.test("a merged folder has the logits of model and adapter, with the base's names and shapes", () =>
  withFolder(async (folder) => {
    const merged = `${folder}/merged`;
    await lowrankJson("merge", "--model", model, "--adapter", adapter, "--output", merged);
    assertEquals(filesIn(merged), ["config.json", "generation_config.json", "model.safetensors"]);
    const ours = await logits(folder, "--model", merged);
    const expected = await logits(folder, "--model", model, "--adapter", adapter);
    for (const [name, { data }] of expected) {
      assertAllClose(ours.get(name)!.data, data, { absolute: 2e-5, relative: 0, what: name });
    }
    const shapes = async (path: string) =>
      [...await tensorsOf(path)].map(([name, { shape }]) => [name, shape] as const).sort();
    assertEquals(await shapes(merged), await shapes(model));
  }));

Deno.test("merge reports the size of every update and what rounding left of it", () =>
  withFolder(async (folder) => {
    const args = ["--model", model, "--adapter", adapter, "--output", folder];
    const { weights, extraBytes } = await lowrankJson("merge", ...args);
    const deltas = await tensorsOf(golden("adapters/deltas.safetensors"));
    assertEquals(weights.length, 8);
    for (const { module, deltaNorm, survivingShare } of weights) {
      const { data } = deltas.get(`delta.peft_all_linear.${module}`)!;
      assertAlmostEquals(deltaNorm, Math.hypot(...data), 1e-5 * deltaNorm);
      assertAlmostEquals(survivingShare, 1, 1e-5);
    }
    assertEquals(extraBytes, 4 * 2 * 48 * 48 * (3 + 1 + 4 + 4));
  }));

Deno.test("a model in the output folder leaves no tokenizer and no settings to the merged one", () =>
  withFolder(async (folder) => {
    const merge = () =>
      lowrankJson("merge", "--model", model, "--adapter", adapter, "--output", folder);
    await merge();
    const names = filesIn(folder);
    for (const name of ["tokenizer.json", "vocab.json", "merges.txt", "notes.txt"]) {
      await Deno.writeTextFile(`${folder}/${name}`, "of another model");
    }
    await merge();
    assertEquals(filesIn(folder), [...names, "notes.txt"].sort());
  }));

Deno.test("merging into the model's own folder is refused", () =>
  assertFails(
    ["merge", "--model", model, "--adapter", adapter, "--output", `${model}/`],
    "the output must not be the input folder itself",
  ));

Deno.test("inspect finds PEFT's ranks and scalings, and the norm of every update", async () => {
  const { modules } = await lowrankJson("inspect", adapter);
  const resolved = (await goldenJson("adapters/modules.json")).peft_all_linear;
  const deltas = await tensorsOf(golden("adapters/deltas.safetensors"));
  assertEquals(modules.length, Object.keys(resolved).length);
  for (const { name, rank, scaling, frobenius, singularValues, stableRank } of modules) {
    assertEquals([rank, scaling], [resolved[name].rank, resolved[name].scaling]);
    assertAlmostEquals(
      frobenius,
      Math.hypot(...deltas.get(`delta.peft_all_linear.${name}`)!.data),
      1e-5 * frobenius,
    );
    assertEquals(singularValues.length, rank);
    assert(stableRank >= 1 && stableRank <= rank);
  }
});

Deno.test("inspect prints a table", async () => {
  const { code, stdout, stderr } = await lowrank("inspect", golden("adapters/peft_c_attn"));
  assertEquals([code, stderr], [0, ""]);
  const [titles, first] = stdout.split("\n");
  assertStringIncludes(titles, "module                       rank  scaling  |dW|");
  assertStringIncludes(first, "transformer.h.0.attn.c_attn     4        2");
});
