/** `lowrank logits` and `lowrank gradients` against PyTorch, transformers and PEFT. */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { type HostTensor, hostTensor } from "../../src/core/tensor.ts";
import { writeAdapter } from "../../src/formats/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { golden, goldenJson, tensorsOf } from "../support/golden.ts";
import { logitsArgs, writeJson } from "./arguments.ts";
import { assertFails, lowrank, lowrankJson, model } from "./lowrank.ts";

type Cases = Record<string, { attention_mask?: number[][] }>;

/** Compares every expected tensor at the positions that the case's mask counts. */
function assertLogits(
  actual: Map<string, HostTensor>,
  expected: Map<string, HostTensor>,
  cases: Cases,
  absolute = 5e-5,
) {
  for (const [name, { shape, data }] of expected) {
    const mask = cases[name.replace("logits.", "")].attention_mask?.flat();
    const isPerToken = shape.length === 3;
    const counts = (_: number, i: number) => !mask || !isPerToken || mask[Math.floor(i / shape[2])];
    const found = actual.get(name)!;
    assertEquals(found.shape, shape);
    const [ours, theirs] = [found.data, data].map((values) => Array.from(values).filter(counts));
    assertAllClose(ours, theirs, { absolute, relative: 0, what: name });
  }
}

async function checkLogits(folder: string, expected: string, ...args: string[]): Promise<void> {
  const output = `${folder}/logits.safetensors`, input = golden("logits.json");
  const { cases } = await goldenJson("logits.json"), files = ["--input", input, "--output", output];
  const printed = await lowrankJson("logits", ...files, ...args);
  assertEquals(printed, { cases: Object.keys(cases), output });
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
    withFolder((folder) =>
      checkLogits(folder, `${expected}.safetensors`, "--model", golden(base))
    ));
}

for (const dtype of ["f16", "bf16"]) {
  Deno.test(`logits of a base that stays in ${dtype} are those of its values in F32`, () =>
    withFolder(async (folder) => {
      const args = ["--model", golden(`gpt2_tiny_${dtype}`), "--base-dtype", "auto"];
      await checkLogits(folder, `logits_${dtype}.safetensors`, ...args);
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
      withFolder((folder) => {
        const expected = `adapters/logits/${names}.safetensors`;
        return checkLogits(folder, expected, "--model", model, ...adapters, ...merge);
      }));
  }
}

Deno.test("without --json, logits print nothing on standard output", () =>
  withFolder(async (folder) => {
    const { code, stdout } = await lowrank(...await logitsArgs(folder, [[1, 2]]));
    assertEquals([code, stdout], [0, ""]);
  }));

for (const [family, absolute] of [["bert_classifier", 6e-6], ["bert_masked", 5e-5]] as const) {
  Deno.test(`logits of ${family} are transformers', with token types and a mask`, () =>
    withFolder(async (folder) => {
      const { cases: { padded } } = await goldenJson(`families/${family}.json`);
      const { labels: _, ...inputs } = padded, cases = { padded: inputs };
      const input = await writeJson(`${folder}/cases.json`, { cases });
      const output = `${folder}/logits.safetensors`, model = golden(`families/${family}`);
      await lowrankJson("logits", "--model", model, "--input", input, "--output", output);
      const key = "logits.padded", all = await tensorsOf(golden(`families/${family}.safetensors`));
      assertLogits(await tensorsOf(output), new Map([[key, all.get(key)!]]), cases, absolute);
    }));
}

/** PyTorch's own rounding of F32 and ours, each about 1e-5 of a tensor's largest value. */
const rounding = 2e-5;

/** Compares every tensor to a share of its largest value. */
function assertGradients(
  ours: Map<string, HostTensor>,
  theirs: Map<string, HostTensor>,
  least = 0,
): void {
  assertEquals([...ours.keys()].sort(), [...theirs.keys()].sort());
  for (const [name, { shape, data }] of theirs) {
    assertEquals(ours.get(name)!.shape, shape);
    const absolute = rounding * Math.max(...Array.from(data, Math.abs)) + least;
    assertAllClose(ours.get(name)!.data, data, { relative: 0, absolute, what: name });
  }
}

/** Of a case of the golden model. */
async function gradientsOf(folder: string, name: string, ...more: string[]) {
  const output = `${folder}/gradients.safetensors`, input = golden("gradients/input.json");
  const files = ["--model", model, "--input", input, "--output", output];
  const { loss } = await lowrankJson("gradients", ...files, "--case", name, ...more);
  return { loss, gradients: await tensorsOf(output) };
}

const losses = await goldenJson("gradients/losses.json");

for (const name of ["labelled", "padded"]) {
  for (
    const [what, whose, adapter] of [
      ["full", "every tensor are PyTorch's", []],
      ["peft_all_linear", "an adapter alone are PEFT's", [
        "--adapter",
        golden("adapters/peft_all_linear"),
      ]],
    ] as const
  ) {
    Deno.test(`gradients of ${whose} on the case ${name}`, () =>
      withFolder(async (folder) => {
        const { loss, gradients } = await gradientsOf(folder, name, ...adapter);
        assertAlmostEquals(loss, losses[what][name].loss, 1e-5);
        const expected = golden(`gradients/${what}.${name}.safetensors`);
        assertGradients(gradients, await tensorsOf(expected));
      }));
  }
}

Deno.test("gradients have the keys of the tensors' file, one pair for several sites of one weight", () =>
  withFolder(async (folder) => {
    const bare = await gradientsOf(folder, "labelled", "--model", golden("gpt2_tiny_bare"));
    assertEquals(bare.gradients.has("grad.h.0.attn.c_attn.weight"), true);
    const adapter = golden("adapters/block_qv");
    const { gradients } = await gradientsOf(folder, "labelled", "--adapter", adapter);
    const file = await tensorsOf(`${adapter}/adapter_model.safetensors`);
    const shapes = [...file].map(([name, { shape }]) => [`grad.${name}`, shape]);
    assertEquals([...gradients].map(([name, { shape }]) => [name, shape]).sort(), shapes.sort());
  }));

/** Writes the padded case of a golden model as a file of cases. */
async function writePadded(folder: string, family: string): Promise<string> {
  const { cases: { padded } } = await goldenJson(`families/${family}.json`);
  const { loss: _, ...inputs } = padded;
  return await writeJson(`${folder}/cases.json`, { cases: { padded: inputs } });
}

for (
  const family of ["bert_classifier", "bert_regression", "bert_masked", "roberta_classifier"]
    .concat("roberta_masked", "llama_classifier", "llama", "qwen2")
    .concat("deberta_masked", "deberta_v2_classifier")
) {
  Deno.test(`gradients of ${family} are transformers', by labels of its own kind`, () =>
    withFolder(async (folder) => {
      const { cases: { padded: { loss } } } = await goldenJson(`families/${family}.json`);
      const input = await writePadded(folder, family), output = `${folder}/gradients.safetensors`;
      const files = ["--model", golden(`families/${family}`), "--input", input];
      const args = ["gradients", ...files, "--case", "padded", "--output", output];
      const printed = await lowrankJson(...args);
      assertAlmostEquals(printed.loss, loss, 2e-5);
      const expected = [...await tensorsOf(golden(`families/${family}.safetensors`))]
        .filter(([name]) => name.startsWith("gradient."))
        .map(([name, tensor]) => [name.replace("gradient", "grad"), tensor] as const);
      assertGradients(await tensorsOf(output), new Map(expected), 1e-7);
    }));
}

Deno.test("gradients of a classifier's adapter have its head, also on a language model's base", () =>
  withFolder(async (folder) => {
    const { cases: { padded } } = await goldenJson("families/llama.json");
    const { input_ids, attention_mask } = padded, labels = [1, 0, 1];
    const cases = { one: { input_ids, attention_mask, labels } };
    const input = await writeJson(`${folder}/cases.json`, { cases }), adapter = `${folder}/adapter`;
    const [q, score] = ["model.layers.0.self_attn.q_proj", "score"];
    const values = (...shape: number[]) =>
      hostTensor(shape, Array.from({ length: shape[0] * shape[1] }, (_, i) => (i % 5 - 2) / 9));
    const { width, rows } = await sizesOf("llama", q);
    await writeAdapter(adapter, {
      updates: [{ module: q, A: values(2, width), B: values(rows, 2), scaling: 1 }],
      saved: new Map([[`${score}.weight`, values(2, width)]]),
      savedModules: [score],
      labels: ["no", "yes"],
    });
    const output = `${folder}/gradients.safetensors`;
    const files = ["--model", golden("families/llama"), "--adapter", adapter, "--input", input];
    await lowrankJson("gradients", ...files, "--case", "one", "--output", output);
    const found = await tensorsOf(output),
      file = await tensorsOf(`${adapter}/adapter_model.safetensors`);
    assertEquals([...found.keys()].sort(), Array.from(file.keys(), (key) => `grad.${key}`).sort());
    for (const [name, { data }] of found) assert(data.some((value) => value !== 0), name);
  }));

/** The sizes of a layer of a golden model. */
async function sizesOf(family: string, module: string) {
  const [rows, width] = (await tensorsOf(golden(`families/${family}/model.safetensors`)))
    .get(`${module}.weight`)!.shape;
  return { rows, width };
}

Deno.test("labels that are not what the model needs are refused with what it needs", () =>
  withFolder(async (folder) => {
    const ids = [[1, 2, 3], [4, 5, 6]], output = `${folder}/out.safetensors`;
    const fails = async (family: string, labels: unknown, sentence: string) => {
      const input = await writeJson(`${folder}/c.json`, {
        cases: { a: { input_ids: ids, labels } },
      });
      const files = ["--model", golden(`families/${family}`), "--input", input, "--output", output];
      await assertFails(["gradients", ...files, "--case", "a"], sentence);
    };
    const perRow = "case a: labels must be one for each of the 2 rows, found one for each token";
    await fails("bert_classifier", ids, perRow);
    await fails("bert_regression", ids, perRow);
    for (const family of ["llama", "bert_masked"]) {
      await fails(family, [1, 0], "case a: labels must be like input_ids, found one for each row");
    }
    await fails("bert_classifier", [0, 3], "label 3 of row 1 must be a class from 0 to 2");
    await fails("bert_classifier", [0, 0.5], "label 0 of row 0 must be a class from 0 to 2");
    await fails("bert_classifier", [-1, -100], "found none (negative labels do not)");
    await fails(
      "bert_masked",
      [[1, 2, 99], [1, 1, 1]],
      "label 99 at row 0, position 2 must be below",
    );
    await fails("llama_classifier", [0, 1, 0], "must be 2 numbers, one for each row, or like");
    await fails("llama_classifier", [0, "1"], "must be 2 numbers, one for each row, or like");
  }));

Deno.test("a model without a head, or of a loss that is not here, has no labels", () =>
  withFolder(async (folder) => {
    const cases = { a: { input_ids: [[1, 2]], labels: [1] } };
    const input = await writeJson(`${folder}/c.json`, { cases }), model = `${folder}/model`;
    const fails = async (family: string, change: object, sentence: string) => {
      await Deno.mkdir(model, { recursive: true });
      const weights = "model.safetensors";
      await Deno.copyFile(golden(`families/${family}/${weights}`), `${model}/${weights}`);
      const config = await goldenJson(`families/${family}/config.json`);
      await writeJson(`${model}/config.json`, { ...config, ...change });
      const files = ["--model", model, "--input", input, "--output", `${folder}/o.safetensors`];
      await assertFails(["gradients", ...files, "--case", "a"], sentence);
    };
    await fails("bert_masked", { architectures: ["BertModel"] }, "labels need a model with a head");
    const several = { problem_type: "multi_label_classification" };
    await fails("bert_classifier", several, "found another problem_type");
  }));
