/** What is measured and differentiated with a base that stays in 16 bits. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { withFolder } from "../support/folders.ts";
import { golden, tensorsOf } from "../support/golden.ts";
import { rootPath } from "../support/source_files.ts";
import { trainArgs } from "./arguments.ts";
import { assertFails, lowrank, lowrankJson } from "./lowrank.ts";

const stays = ["--base-dtype", "auto"];

for (const type of ["f16", "bf16"]) {
  Deno.test(`gradients of an adapter on a base that stays in ${type} are those of F32`, () =>
    withFolder(async (folder) => {
      const file = ["--input", golden("gradients/input.json"), "--case", "padded"];
      const base = ["gradients", "--model", golden(`gpt2_tiny_${type}`), ...file];
      const gradientsOf = async (...args: string[]) => {
        const output = `${folder}/gradients.safetensors`;
        const adapter = ["--adapter", golden("adapters/peft_all_linear")];
        const { loss } = await lowrankJson(...base, ...adapter, ...args, "--output", output);
        return { loss, gradients: await tensorsOf(output) };
      };
      assertEquals(await gradientsOf(...stays), await gradientsOf());
      await assertFails(
        [...base, ...stays, "--output", `${folder}/all.safetensors`],
        "training a whole model needs all of it in F32, found ",
      );
    }));
}

Deno.test("the loss on texts is the same with a base that stays in 16 bits", () =>
  withFolder(async (folder) => {
    const texts = `${folder}/texts.txt`, model = `${rootPath}models/tiny-gpt2`;
    await Deno.writeTextFile(texts, "an oak is a tree\nthat bears acorns\n");
    const args = ["evaluate", "--model", model, "--data", texts];
    assertEquals(await lowrankJson(...args, ...stays), await lowrankJson(...args));
  }));

Deno.test("what cannot be done in 16 bits is said in options, and the next command keeps the type", () =>
  withFolder(async (folder) => {
    const full = await trainArgs(folder, `${folder}/full`, { method: "full" });
    const half = [...full.with(2, golden("gpt2_tiny_f16")), ...stays];
    await assertFails(half, "leave out --base-dtype, or train an adapter\n");
    const data = `${folder}/texts.txt`, model = `${rootPath}models/tiny-gpt2`;
    await Deno.writeTextFile(data, "an oak is a tree\nthat bears acorns\n");
    const train = ["train", "--model", model, "--data", data, "--steps", "1", "--output"];
    const next = (output: string) => `--model ${model} --adapter ${output} `;
    const { stderr } = await lowrank(...train, `${folder}/16`, ...stays);
    assertStringIncludes(stderr, `${next(`${folder}/16`)}--base-dtype auto --prompt`);
    const plain = await lowrank(...train, `${folder}/32`);
    assertStringIncludes(plain.stderr, `${next(`${folder}/32`)}--prompt`);
  }));
