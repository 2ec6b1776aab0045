/** `lowrank gradients` against PyTorch. */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { type HostTensor, hostTensor } from "../../src/core/host_tensor.ts";
import { writeAdapter } from "../../src/formats/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { withFolder } from "../support/folders.ts";
import { golden, goldenJson, tensorsOf } from "../support/golden.ts";
import { writeJson } from "./arguments.ts";
import { assertFails, lowrankJson, model } from "./lowrank.ts";

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
      const ours = await tensorsOf(output), expected = new Map<string, HostTensor>();
      for (const [name, tensor] of await tensorsOf(golden(`families/${family}.safetensors`))) {
        if (name.startsWith("gradient.")) expected.set(name.replace("gradient", "grad"), tensor);
      }
      assertEquals([...ours.keys()].sort(), [...expected.keys()].sort());
      for (const [name, { shape, data }] of expected) {
        assertEquals(ours.get(name)!.shape, shape);
        const absolute = rounding * Math.max(...Array.from(data, Math.abs)) + 1e-7;
        assertAllClose(ours.get(name)!.data, data, { relative: 0, absolute, what: name });
      }
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
