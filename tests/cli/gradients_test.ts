/** `lowrank gradients` against PyTorch. */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { assertAllClose } from "../support/all_close.ts";
import { withFolder } from "../support/folders.ts";
import { golden, goldenJson, tensorsOf } from "../support/golden.ts";
import { lowrankJson, model } from "./lowrank.ts";

const input = golden("gradients/input.json");

/** PyTorch's own rounding of F32 and ours, each about 1e-5 of a tensor's largest value. */
const rounding = 2e-5;

async function check(
  folder: string,
  expected: string,
  loss: number,
  ...args: string[]
): Promise<void> {
  const output = `${folder}/gradients.safetensors`;
  const printed = await lowrankJson("gradients", "--input", input, "--output", output, ...args);
  assertAlmostEquals(printed.loss, loss, 1e-5);
  const ours = await tensorsOf(output), theirs = await tensorsOf(golden(expected));
  assertEquals([...ours.keys()].sort(), [...theirs.keys()].sort());
  for (const [name, { shape, data }] of theirs) {
    assertEquals(ours.get(name)!.shape, shape);
    const absolute = rounding * Math.max(...Array.from(data, Math.abs));
    assertAllClose(ours.get(name)!.data, data, { relative: 0, absolute, what: name });
  }
}

const losses = await goldenJson("gradients/losses.json");

for (const name of ["labelled", "padded"]) {
  Deno.test(`gradients of every tensor are PyTorch's on the case ${name}`, () =>
    withFolder((folder) => {
      const { loss } = losses.full[name];
      return check(
        folder,
        `gradients/full.${name}.safetensors`,
        loss,
        "--model",
        model,
        "--case",
        name,
      );
    }));

  Deno.test(`gradients of an adapter alone are PEFT's on the case ${name}`, () =>
    withFolder((folder) => {
      const { loss } = losses.peft_all_linear[name];
      const adapter = ["--adapter", golden("adapters/peft_all_linear")];
      const expected = `gradients/peft_all_linear.${name}.safetensors`;
      return check(folder, expected, loss, "--model", model, ...adapter, "--case", name);
    }));
}

Deno.test("gradients have the keys of the tensors' file", () =>
  withFolder(async (folder) => {
    const output = `${folder}/gradients.safetensors`;
    const args = ["gradients", "--input", input, "--case", "labelled", "--output", output];
    await lowrankJson(...args, "--model", golden("gpt2_tiny_bare"));
    assertEquals((await tensorsOf(output)).has("grad.h.0.attn.c_attn.weight"), true);
  }));

Deno.test("gradients of several sites of one weight are one pair of tensors, as in the file", () =>
  withFolder(async (folder) => {
    const output = `${folder}/gradients.safetensors`, adapter = golden("adapters/block_qv");
    const args = ["gradients", "--model", model, "--input", input, "--case", "labelled"];
    await lowrankJson(...args, "--adapter", adapter, "--output", output);
    const file = await tensorsOf(`${adapter}/adapter_model.safetensors`);
    const shapes = [...file].map(([name, { shape }]) => [`grad.${name}`, shape]);
    const found = [...await tensorsOf(output)].map(([name, { shape }]) => [name, shape]);
    assertEquals(found.sort(), shapes.sort());
  }));
