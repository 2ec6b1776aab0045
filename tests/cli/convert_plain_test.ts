/** `lowrank convert --plain`, and what a failed proof does. */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { bakeUpdates } from "../../src/adapt/convert/bake.ts";
import { assertProven, proveUpdates } from "../../src/adapt/convert/delta_proof.ts";
import { hostTensor } from "../../src/core/host_tensor.ts";
import { deltaWeight } from "../../src/core/low_rank_update.ts";
import { readAdapter, writeAdapter } from "../../src/formats/mod.ts";
import { matrix } from "../formats/adapter_folders.ts";
import { filesIn, withFolder } from "../support/folders.ts";
import { assertAllClose } from "../support/all_close.ts";
import { golden, goldenJson, tensorsOf } from "../support/golden.ts";
import "../support/open_lapack.ts";
import { assertFails, lowrankJson, model } from "./lowrank.ts";

interface Ranks {
  readonly rankBefore: number;
}

/** The logits of a converted adapter are those that PEFT computes with the original. */
async function assertLogits(name: string, converted: string): Promise<void> {
  const output = `${converted}/logits.safetensors`;
  const cases = ["--input", golden("logits.json"), "--output", output];
  await lowrankJson("logits", "--model", model, "--adapter", converted, ...cases);
  const expected = await tensorsOf(golden(`adapters/logits/${name}.safetensors`));
  const actual = await tensorsOf(output);
  const { cases: inputs } = await goldenJson("logits.json");
  // At positions that are masked, logits mean nothing.
  const whole = [...expected].filter(([key]) =>
    !inputs[key.slice("logits.".length)].attention_mask
  );
  assert(whole.length > 0);
  for (const [key, { data }] of whole) {
    assertAllClose(actual.get(key)!.data, data, { absolute: 5e-5, what: key });
  }
}

Deno.test("--plain puts biases of B into the base's biases, with PEFT's logits", () =>
  withFolder(async (folder) => {
    const adapter = golden("adapters/peft_lora_bias"), command = ["convert", adapter, "--plain"];
    const output = `${folder}/plain`;
    await assertFails(
      [...command, "--output", output],
      "to fold a bias of B, found it on",
      "--base",
    );
    await lowrankJson(...command, "--base", model, "--output", output);
    const { biasMode, updates, biases } = await readAdapter(output, { withSaved: true });
    assertEquals([biasMode, biases.size], ["lora_only", updates.length]);
    assert(updates.every(({ bias }) => !bias));
    await assertLogits("peft_lora_bias", output);
  }));

Deno.test("--plain refuses DoRA with its error, and writes what an --error allows", () =>
  withFolder(async (folder) => {
    const adapter = golden("adapters/peft_dora"), output = `${folder}/plain`;
    const command = ["convert", adapter, "--plain", "--output", output];
    await assertFails(command, "to fold DoRA, found it on", "--base");
    await assertFails(
      [...command, "--base", model],
      "whose dW is of full rank in general, found rank",
      "at the adapter's own rank: merge it, or allow an error",
    );
    assertEquals(filesIn(folder), []);
    const { folded, modules } = await lowrankJson(...command, "--base", model, "--error", "0.2");
    assertEquals([...new Set(modules.map(({ rankBefore }: Ranks) => rankBefore))], [3]);
    for (const { module, residual, atOwnRank, rank } of folded) {
      assert(
        residual <= 0.2 * (1 + 1e-6) && residual > 0 && atOwnRank > residual && rank > 0,
        module,
      );
    }
    const exact = `${folder}/exact`;
    await lowrankJson(
      ...["convert", adapter, "--plain", "--base", model, "--error", "1e-6", "--output", exact],
    );
    await assertLogits("peft_dora", exact);
  }));

const update = { module: "h.0.c_fc", A: matrix(2, 3), B: matrix(4, 2), scaling: 3 };

Deno.test("the proof finds the largest difference, and stops what it does not explain", () => {
  const B = { ...update.B, data: update.B.data.slice() };
  B.data[5] += 0.5;
  const [{ difference, limit }] = proveUpdates([update], [{ ...update, B }]);
  const [one, other] = [update, { ...update, B }].map((each) => deltaWeight(each).data);
  assertEquals(difference, Math.max(...one.map((value, i) => Math.abs(value - other[i]))));
  const A = { ...update.A, data: update.A.data.map((value) => value + 1) };
  const [turned] = proveUpdates([update], [{ ...update, A }]);
  const third = deltaWeight({ ...update, A }).data;
  assertEquals(turned.difference, Math.max(...one.map((v, i) => Math.abs(v - third[i]))));
  assertThrows(
    () => assertProven([{ ...turned, difference, limit }]),
    RangeError,
    "nothing was written: the new file must have the same dW up to rounding (",
  );
  assertThrows(() => assertProven([{ ...turned, difference: NaN }]), RangeError, "of NaN");
  assertThrows(() => proveUpdates([update], []), RangeError, "the same modules");
});

Deno.test("baking is proven to rounding, and exact for powers of two", () => {
  const other = { ...update, module: "h.1.c_fc", A: matrix(1, 3), B: matrix(4, 1), scaling: 4 };
  const before = [{ ...update, scaling: Math.SQRT2 }, other], after = bakeUpdates(before);
  const proof = proveUpdates(before, after);
  assertProven(proof);
  assertEquals(proof.map(({ rankBefore, rank, scaling }) => [rankBefore, rank, scaling]), [
    [2, 2, 1],
    [1, 2, 1],
  ]);
  assert(proof[0].difference > 0);
  assertEquals(proof[1].difference, 0);
});

Deno.test("ranks that are too far apart are not baked into one", () => {
  const narrow = { module: "a", A: matrix(400, 1), B: matrix(1, 400), scaling: 1 };
  const wide = { module: "b", A: matrix(1, 100), B: matrix(100, 1), scaling: 1 };
  const many = Array.from({ length: 5 }, (_, i) => ({ ...wide, module: `b${i}` }));
  const near = { ...narrow, A: matrix(20, 1), B: matrix(1, 20) };
  assertEquals(bakeUpdates([near, wide]).map(({ A }) => A.shape[0]), [20, 20]);
  assertThrows(
    () => bakeUpdates([narrow, ...many]),
    RangeError,
    "must make the adapter at most 64 times as large, found 223 times at rank 400",
  );
});

Deno.test("loralib's one alpha is that of an update that has one but 0", () =>
  withFolder(async (folder) => {
    const [one, other, again] = ["one", "other", "again"].map((name) => `${folder}/${name}`);
    const update = {
      A: hostTensor([1, 2], Float32Array.of(1, 2)),
      B: hostTensor([2, 1], Float32Array.of(3, 4)),
    };
    const updates = [["a", 0], ["b", 2]].map(([module, scaling]) => {
      return { ...update, module: `${module}`, scaling: Number(scaling) };
    });
    await writeAdapter(one, { updates });
    await lowrankJson("convert", one, "--to", "loralib", "--output", other);
    const { modules } = await lowrankJson("convert", other, "--output", again);
    assertEquals(modules.map(({ difference }: { difference: number }) => difference), [0, 0]);
    const [a, b] = (await readAdapter(again)).updates;
    assertEquals([a.B.data.map((value) => a.scaling * value), b.scaling], [
      Float32Array.of(0, 0),
      2,
    ]);
  }));

Deno.test("the proof takes any rank that a file may have", () => {
  const rank = 200_000, ones = new Float32Array(rank).fill(1);
  const update = {
    module: "a",
    A: hostTensor([rank, 1], ones),
    B: hostTensor([1, rank], ones),
    scaling: 1,
  };
  const [{ difference, limit }] = proveUpdates([update], [update]);
  assertEquals(difference, 0);
  assertAlmostEquals(limit, 4 * 2 ** -24 * rank, 1e-9);
});
