/** `lowrank logits` against transformers and PEFT. */

import { assertEquals } from "@std/assert";
import type { HostTensor } from "../../src/core/host_tensor.ts";
import { assertAllClose } from "../support/all_close.ts";
import { withFolder } from "../support/folders.ts";
import { golden, goldenJson, tensorsOf } from "../support/golden.ts";
import { lowrank, lowrankJson, model } from "./lowrank.ts";

const input = golden("logits.json");

/** Compares every expected tensor at the positions that the case's mask counts. */
function assertLogits(
  actual: Map<string, HostTensor>,
  expected: Map<string, HostTensor>,
  cases: Cases,
) {
  for (const [name, { shape, data }] of expected) {
    const mask = cases[name.replace("logits.", "")].attention_mask?.flat();
    const counts = (_: number, i: number) => !mask || mask[Math.floor(i / shape[2])] === 1;
    const found = actual.get(name)!;
    assertEquals(found.shape, shape);
    const [ours, theirs] = [found.data, data].map((values) => Array.from(values).filter(counts));
    assertAllClose(ours, theirs, { absolute: 5e-5, relative: 0, what: name });
  }
}

type Cases = Record<string, { attention_mask?: number[][] }>;

async function check(folder: string, expected: string, ...args: string[]): Promise<void> {
  const output = `${folder}/logits.safetensors`;
  const { code, stdout, stderr } = await lowrank(
    "logits",
    "--input",
    input,
    "--output",
    output,
    ...args,
  );
  assertEquals([code, stdout], [0, ""], stderr);
  const { cases } = await goldenJson("logits.json");
  assertLogits(await tensorsOf(output), await tensorsOf(golden(expected)), cases);
}

for (
  const [base, expected] of [
    ["gpt2_tiny", "logits"],
    ["gpt2_tiny_bare", "logits"],
    ["gpt2_tiny_f16", "logits_f16"],
    ["gpt2_tiny_bf16", "logits_bf16"],
  ]
) {
  Deno.test(`logits of ${base} are transformers'`, () =>
    withFolder((folder) => check(folder, `${expected}.safetensors`, "--model", golden(base))));
}

for (const dtype of ["f16", "bf16"]) {
  Deno.test(`logits of a base that stays in ${dtype} are those of its values in F32`, () =>
    withFolder(async (folder) => {
      const args = ["--model", golden(`gpt2_tiny_${dtype}`), "--base-dtype", "auto"];
      await check(folder, `logits_${dtype}.safetensors`, ...args);
    }));
}

for (
  const names of [
    "peft_c_attn",
    "peft_all_linear",
    "peft_rslora",
    "block_qv",
    "peft_c_attn+peft_suffix",
  ]
) {
  const adapters = names.split("+").flatMap((name) => ["--adapter", golden(`adapters/${name}`)]);
  for (const merge of [[], ["--merge"]]) {
    Deno.test(`logits with ${names} ${merge.length ? "merged" : "beside the weights"} are PEFT's`, () =>
      withFolder((folder) =>
        check(
          folder,
          `adapters/logits/${names}.safetensors`,
          "--model",
          model,
          ...adapters,
          ...merge,
        )
      ));
  }
}

Deno.test("logits with --json prints the names of the cases and nothing else", () =>
  withFolder(async (folder) => {
    const output = `${folder}/logits.safetensors`;
    const cases = Object.keys((await goldenJson("logits.json")).cases);
    const args = ["logits", "--model", model, "--input", input, "--output", output];
    assertEquals(await lowrankJson(...args), { cases, output });
  }));

for (const [family, shape] of [["bert_classifier", [3, 3]], ["bert_masked", [3, 9, 37]]] as const) {
  Deno.test(`logits of ${family} are transformers', with token types and a mask`, () =>
    withFolder(async (folder) => {
      const cases = `${folder}/cases.json`, output = `${folder}/logits.safetensors`;
      const { cases: { padded } } = await goldenJson(`families/${family}.json`);
      const { labels: _, ...inputs } = padded;
      await Deno.writeTextFile(cases, JSON.stringify({ cases: { padded: inputs } }));
      const files = ["--model", golden(`families/${family}`), "--input", cases];
      await lowrankJson("logits", ...files, "--output", output);
      const [found, wanted] = await Promise.all(
        [output, golden(`families/${family}.safetensors`)].map(tensorsOf),
      );
      const name = "logits.padded", width = shape[shape.length - 1];
      assertEquals(found.get(name)!.shape, shape);
      const mask = shape.length === 3 ? inputs.attention_mask.flat() : undefined;
      const [ours, theirs] = [found, wanted].map((tensors) =>
        Array.from(tensors.get(name)!.data).filter((_, i) => !mask || mask[Math.floor(i / width)])
      );
      assertAllClose(ours, theirs, { absolute: mask ? 5e-5 : 6e-6, relative: 0, what: family });
    }));
}
