/** `lowrank merge` and `lowrank inspect`. */

import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import type { MergedWeight } from "../../src/adapt/mod.ts";
import { sha256 } from "../../src/core/digest.ts";
import { copyFiles } from "../../src/core/save_folder.ts";
import { openSafetensors } from "../../src/formats/mod.ts";
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
    const { weights, dtype, processBytes } = await lowrankJson("merge", ...args);
    const deltas = await tensorsOf(golden("adapters/deltas.safetensors"));
    assertEquals(weights.length, 8);
    for (const { module, deltaNorm, survivingShare } of weights) {
      const { data } = deltas.get(`delta.peft_all_linear.${module}`)!;
      assertAlmostEquals(deltaNorm, Math.hypot(...data), 1e-5 * deltaNorm);
      assertAlmostEquals(survivingShare, 1, 1e-5);
    }
    assertEquals(dtype, "F32");
    assert(processBytes > 2 ** 20);
  }));

Deno.test("a merged model is stored as its base, or as told, and what is kept is of that type", () =>
  withFolder(async (folder) => {
    const kept = async (base: string, ...more: string[]) => {
      const args = ["--model", golden(base), "--adapter", adapter, "--output", folder, ...more];
      const { dtype, weights } = await lowrankJson("merge", ...args);
      using file = await openSafetensors(folder);
      assertEquals([...file.tensors.values()].filter((entry) => entry.dtype !== dtype), []);
      const shares = weights.map(({ survivingShare }: MergedWeight) => survivingShare);
      return { dtype, lost: Math.max(...shares.map((share: number) => Math.abs(1 - share))) };
    };
    const [f32, f16, bf16] = [
      await kept("gpt2_tiny"),
      await kept("gpt2_tiny_f16"),
      await kept("gpt2_tiny", "--dtype", "bf16"),
    ];
    assertEquals([f32, f16, bf16].map(({ dtype }) => dtype), ["F32", "F16", "BF16"]);
    assert(f32.lost < f16.lost && f16.lost < bf16.lost, JSON.stringify([f32, f16, bf16]));
    const args = ["merge", "--model", model, "--adapter", adapter, "--output", folder];
    const { stdout } = await lowrank(...args);
    assertStringIncludes(stdout, `to ${folder}, in F32 like the base\npeak memory: `);
    assertEquals(stdout.match(/ \d+\.\d+%\n/g)?.length, 8);
    assertEquals(stdout.match(/ 100\.00%\n/g)?.length, 8); // Not 100.0002%.
    const told = (await lowrank(...args, "--dtype", "f16")).stdout;
    assertStringIncludes(told, `to ${folder}, in F16\n`);
    await assertFails([...args, "--dtype", "int8"], "Allowed choices are f32, f16, bf16");
  }));

Deno.test("a merged model says which adapters it contains, also after another merge", () =>
  withFolder(async (folder) => {
    const [one, two] = ["one", "two"].map((name) => `${folder}/${name}`);
    const other = golden("adapters/peft_c_attn");
    const merge = (base: string, adapter: string, output: string) =>
      lowrankJson("merge", "--model", base, "--adapter", adapter, "--output", output);
    await merge(model, adapter, one);
    await merge(one, `${other}/`, two);
    using file = await openSafetensors(two);
    const lines = await Promise.all([adapter, other].map(async (path) => {
      const digest = await sha256(await Deno.readFile(`${path}/adapter_model.safetensors`));
      return `adapters/${path.split("/").at(-1)} sha256 ${digest}`;
    }));
    assertEquals(file.metadata["lowrank.merged"], lines.join("\n"));
  }));

Deno.test("an adapter that a model contains, or that is named twice, is refused", () =>
  withFolder(async (folder) => {
    const merged = `${folder}/merged`, copy = `${folder}/copy`;
    await lowrankJson("merge", "--model", model, "--adapter", adapter, "--output", merged);
    await copyFiles(adapter, copy);
    const inWeights = "in the model's weights already: use the model without it";
    for (const again of [adapter, copy]) {
      const args = ["--model", merged, "--adapter", again];
      await assertFails(["merge", ...args, "--output", `${folder}/twice`], inWeights);
      const input = ["--input", golden("logits.json"), "--output", `${folder}/logits`];
      await assertFails(["logits", ...args, ...input], `/${again.split("/").at(-1)} in the`);
    }
    const twice = ["--model", model, "--adapter", adapter, "--adapter", adapter];
    await assertFails(
      ["merge", ...twice, "--output", `${folder}/twice`],
      "an adapter must be applied once, found adapters/peft_all_linear on the model already",
    );
    assertEquals(filesIn(folder), ["copy", "merged"]);
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
  assertStringIncludes(stdout, "; rank 4; scaling 2\n\nsite           rank  |dW| ");
  assertStringIncludes(stdout, "\n0.attn.c_attn     4  ");
});
