/** `--dtype` of `resize` and `convert`: how values are stored, and that nothing else changes. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { proveUpdates } from "../../src/adapt/convert/convert.ts";
import type { FloatDtype } from "../../src/core/float_types.ts";
import { roundedTo } from "../../src/formats/safetensors/header.ts";
import { openSafetensors, readAdapter, writeAdapter } from "../../src/formats/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { golden } from "../support/golden.ts";
import "../support/open_lapack.ts";
import { assertFails, lowrank, lowrankJson } from "./lowrank.ts";

const adapter = golden("adapters/peft_all_linear");

/** A and B of every update. */
const factorsOf = async (folder: string) =>
  (await readAdapter(folder)).updates.flatMap(({ A, B }) => [A.data, B.data]);

/** The types of the tensors in a file. */
async function typesIn(path: string): Promise<string[]> {
  using file = await openSafetensors(path);
  return [...new Set(Array.from(file.tensors.values(), ({ dtype }) => dtype))];
}

const flagOf = { F16: "f16", BF16: "bf16" } as const;

Deno.test("resize to a rank that is no lower keeps A and B bit for bit, or rounds them to --dtype", () =>
  withFolder(async (folder) => {
    const own = await factorsOf(adapter);
    const resize = ["resize", adapter, "--output", folder];
    for (const rule of [["--rank", "6"], ["--rank", "64"], ["--energy", "1"]]) {
      const { modules } = await lowrankJson(...resize, ...rule);
      assertEquals(await factorsOf(folder), own, rule.join(" "));
      assertEquals(modules.filter(({ error }: { error: number }) => error !== 0), []);
    }
    for (const dtype of ["F16", "BF16"] as const) {
      await lowrankJson(...resize, "--rank", "6", "--dtype", flagOf[dtype]);
      assertEquals(await factorsOf(folder), own.map((values) => roundedTo(values, dtype)));
    }
  }));

Deno.test("convert --dtype rounds A and B alone, within what it says rounding may do", () =>
  withFolder(async (folder) => {
    const own = await factorsOf(adapter);
    for (const dtype of ["F16", "BF16"] as const) {
      const convert = ["convert", adapter, "--output", folder, "--dtype", flagOf[dtype]];
      const found = await lowrankJson(...convert);
      assertEquals(found.dtype, dtype);
      assertEquals(await typesIn(`${folder}/adapter_model.safetensors`), [dtype]);
      assertEquals(await factorsOf(folder), own.map((values) => roundedTo(values, dtype)));
      for (const { module, difference, limit } of found.modules) {
        // The bound is of the right size: rounding reaches a hundredth of it, and more would be too much.
        assert(difference > limit / 100 && difference <= limit, module);
      }
    }
    const back = `${folder}/back`;
    assertEquals((await lowrankJson("convert", folder, "--output", back)).dtype, "BF16");
    const { dtype } = await lowrankJson("convert", folder, "--output", back, "--dtype", "f32");
    assertEquals([dtype, await factorsOf(back)], ["F32", await factorsOf(folder)]);
  }));

Deno.test("convert --dtype rounds what was trained in full too, and says so; kohya's alphas stay", () =>
  withFolder(async (folder) => {
    const [from, to] = [`${folder}/from`, `${folder}/to`], { updates } = await readAdapter(adapter);
    const score = { shape: [1, 2], data: Float32Array.of(0.1, 0.5) };
    await writeAdapter(from, { updates, saved: new Map([["score.weight", score]]) });
    const { stdout } = await lowrank("convert", from, "--output", to, "--dtype", "bf16");
    assertStringIncludes(stdout, "; 1 other tensor carried over in BF16\n");
    const { saved } = await readAdapter(to, { withSaved: true });
    assertEquals(saved.get("score.weight")!.data, roundedTo(score.data, "BF16"));
    const kohya = ["convert", adapter, "--to", "kohya", "--output", `${folder}/kohya`];
    await lowrankJson(...kohya, "--dtype", "f16");
    const file = `${folder}/kohya/pytorch_lora_weights.safetensors`;
    assertEquals((await typesIn(file)).sort(), ["F16", "F32"]);
  }));

Deno.test("the proof knows that F16 rounds small values by more than a share of them", () => {
  const A = Float32Array.of(2.9e-8, 1e-6, 3e-3), B = Float32Array.of(5e-7, 4e-8);
  const update = (dtype: FloatDtype) => ({
    ...{ module: "layer", scaling: 8 },
    A: { shape: [1, 3], data: roundedTo(A, dtype) },
    B: { shape: [2, 1], data: roundedTo(B, dtype) },
  });
  const before = update("F32"),
    [{ difference, limit }] = proveUpdates([before], [update("F16")], "F16");
  assert(difference <= limit && difference > limit / 20, `${difference} of ${limit}`);
  // A share alone would not explain it, and BF16, which has F32's range, needs no more than a share.
  assert(difference > 8 * 5e-7 * 3e-3 * 2 ** -10);
  const [half] = proveUpdates([before], [update("BF16")], "BF16");
  assert(half.difference <= half.limit && half.limit < 8 * 5.1e-7 * 3.1e-3 * 2 ** -6);
});

Deno.test("convert --dtype f16 refuses a value that F16 does not hold, and writes nothing", () =>
  withFolder(async (folder) => {
    const A = { shape: [1, 2], data: Float32Array.of(1e5, 1) };
    const B = { shape: [2, 1], data: Float32Array.of(1, 1) };
    await writeAdapter(folder, { updates: [{ module: "layer", A, B, scaling: 1 }] });
    const output = `${folder}/out`;
    await assertFails(["convert", folder, "--output", output, "--dtype", "f16"], "F16", "100000");
    assertEquals(await Array.fromAsync(Deno.readDir(folder), ({ name }) => name === "out"), [
      false,
      false,
      false,
    ]);
  }));
