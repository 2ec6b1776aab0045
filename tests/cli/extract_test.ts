/** `lowrank extract`: the closest adapter of what full fine-tuning has changed. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { truncationError } from "../../src/analysis/mod.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import { digits } from "../../src/core/numbers.ts";
import { Random } from "../../src/core/random.ts";
import { readAdapter, writeSafetensors } from "../../src/formats/mod.ts";
import {
  denseOf,
  difference,
  frobeniusNorm,
  multiply,
  scaledBy,
  singularValues,
  transposed,
} from "../../src/linalg/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { golden, tensorsOf } from "../support/golden.ts";
import "../support/open_lapack.ts";
import { assertFails, lowrank, lowrankJson, model } from "./lowrank.ts";

/** The golden base with some tensors changed. */
async function writeTuned(
  folder: string,
  change: (key: string, tensor: HostTensor) => HostTensor,
): Promise<string> {
  await Deno.mkdir(folder, { recursive: true });
  await Deno.copyFile(`${model}/config.json`, `${folder}/config.json`);
  const tensors = Array.from(await tensorsOf(`${model}/model.safetensors`), ([key, tensor]) => {
    return [key, change(key, tensor)] as [string, HostTensor];
  });
  await writeSafetensors(`${folder}/model.safetensors`, tensors, { allowNonFinite: true });
  return folder;
}

const random = new Random(5);
const noisy = ({ shape, data }: HostTensor): HostTensor => ({
  ...{ shape, data: Float32Array.from(data, (value) => value + 0.02 * random.normal()) },
});

Deno.test("the error is the tail of the change's singular values, and what is written has it", () =>
  withFolder(async (folder) => {
    const isTuned = (key: string) => /h\.0\..*(c_attn|c_proj)\.(weight|bias)$|wte/.test(key);
    const tuned = await writeTuned(
      `${folder}/tuned`,
      (key, tensor) => isTuned(key) ? noisy(tensor) : tensor,
    );
    const args = ["extract", model, tuned, "--rank", "5", "--output", `${folder}/out`];
    const { modules, total, unchanged, leftOut } = await lowrankJson(...args);
    const [before, after] = [await tensorsOf(model), await tensorsOf(tuned)];
    const { updates, config } = await readAdapter(`${folder}/out`);
    assertEquals([modules.length, unchanged.length], [3, 5]);
    let [tail, all] = [0, 0];
    for (const { name, rank, norm, error, least } of modules) {
      // Files of GPT-2 hold a weight as (in, out).
      const [a, b] = [before, after].map((tensors) =>
        transposed(denseOf(tensors.get(`${name}.weight`)!))
      );
      const delta = difference(b, a), values = singularValues(delta);
      const { A, B, scaling } = updates.find(({ module }) => module === name)!;
      const rest = difference(delta, scaledBy(multiply(denseOf(B), denseOf(A)), scaling));
      const measured = frobeniusNorm(rest) / frobeniusNorm(delta),
        expected = truncationError(values, 5);
      assertAllClose([error], [measured], { relative: 1e-6, absolute: 0 });
      assertAllClose([error, least], [expected.relative, expected.relative], {
        relative: 1e-6,
        absolute: 0,
      });
      assertAllClose([norm], [frobeniusNorm(delta)], { relative: 1e-12, absolute: 0 });
      assertEquals([rank, A.shape[0]], [5, 5]);
      [tail, all] = [tail + (error * norm) ** 2, all + norm ** 2];
    }
    assertAllClose([total.error], [Math.sqrt(tail / all)], { relative: 1e-12, absolute: 0 });
    assertEquals([config.fanInFanOut, config.taskType, config.alpha], [true, "CAUSAL_LM", 5]);
    const names = leftOut.map(({ name }: { name: string }) => name).sort();
    assertEquals(
      names,
      [...before.keys()].filter((key) => isTuned(key) && !/c_.*weight/.test(key)).sort(),
    );
    const { stdout } = await lowrank(...args);
    assertStringIncludes(stdout, `tuned minus base: ${tuned} - ${model}\n`);
    assertStringIncludes(stdout, `evaluate --model ${model} --adapter ${folder}/out --data FILE`);
    const held = digits(100 * (1 - tail / all), 3);
    assertStringIncludes(stdout, `\nrank 5 holds ${held}% of what has changed in these layers`);
    assertStringIncludes(stdout, "unchanged: 5 linear layers\n");
    assertStringIncludes(stdout, "changed, but left out: transformer.");
    assertStringIncludes(stdout, `wrote the adapter to ${folder}/out, in F32\n`);
  }));

Deno.test("of a merged adapter, as much rank gives it back, and merging it gives the tuned model", () =>
  withFolder(async (folder) => {
    const adapter = golden("adapters/peft_all_linear"),
      [tuned, out] = [`${folder}/tuned`, `${folder}/out`];
    await lowrankJson("merge", "--model", model, "--adapter", adapter, "--output", tuned);
    const { total, leftOut } = await lowrankJson(
      "extract",
      model,
      tuned,
      "--rank",
      "6",
      "--output",
      out,
    );
    assert(total.error < 1e-5, `${total.error}`);
    assertEquals(leftOut, []);
    await lowrankJson("merge", "--model", model, "--adapter", out, "--output", `${folder}/again`);
    const again = await tensorsOf(`${folder}/again`);
    for (const [key, { data }] of await tensorsOf(tuned)) {
      assertAllClose(again.get(key)!.data, data, { absolute: 2e-6, what: key });
    }
  }));

Deno.test("bad input is refused in one sentence, and nothing is written", () =>
  withFolder(async (folder) => {
    const output = ["--output", `${folder}/out`], rank = ["--rank", "4"];
    const tuned = await writeTuned(`${folder}/tuned`, (_, tensor) => noisy(tensor));
    const isWeight = (key: string) => key === "transformer.h.1.mlp.c_fc.weight";
    const infinite = await writeTuned(
      `${folder}/infinite`,
      (key, tensor) =>
        isWeight(key)
          ? { ...tensor, data: Float32Array.from(tensor.data, () => Infinity) }
          : tensor,
    );
    const smaller = await writeTuned(
      `${folder}/smaller`,
      (key, tensor) =>
        isWeight(key) ? { shape: [48, 191], data: new Float32Array(48 * 191) } : tensor,
    );
    const lacking = `${folder}/lacking`;
    await writeTuned(lacking, (_, tensor) => tensor);
    const tensors = [...await tensorsOf(`${lacking}/model.safetensors`)].filter(([key]) =>
      !isWeight(key)
    );
    await writeSafetensors(`${lacking}/model.safetensors`, tensors);
    const adapter = golden("adapters/peft_c_attn"), before = filesIn(folder);
    for (
      const [args, ...sentence] of [
        [[model, tuned], "required option '--rank <r>' not specified"],
        [[model, tuned, "--rank", "0"], "whole number of at least 1"],
        [
          [model, tuned, "--rank", "49"],
          "the rank must be in 1 … 48, the most that a layer can have, found 49",
        ],
        [[model, model, ...rank], "extract needs the base and the tuned model, found"],
        [[model, adapter, ...rank], "extract needs the folders of two models, found an adapter in"],
        [
          [model, golden("gpt2_tiny_bare"), ...rank],
          "a weight of a linear layer that has changed, found none",
        ],
        [[model, smaller, ...rank], "c_fc in", "[192, 48], found [191, 48]"],
        [[model, lacking, ...rank], "must have one weight of transformer.h.1.mlp.c_fc, found none"],
        [[model, infinite, ...rank], "c_fc.weight", "values must be finite in F32, found Infinity"],
        [
          [model, "tiny-gpt2", ...rank],
          "extract needs a folder on this machine, found none at tiny-gpt2 (did you mean models/tiny-gpt2?)",
        ],
        [
          [model, "models/tiny-roberta", ...rank],
          'extract needs two models of one family, found model_type "gpt2" in',
          'and "roberta" in models/tiny-roberta',
        ],
      ] as [string[], ...string[]][]
    ) await assertFails(["extract", ...args, ...output], ...sentence);
    await assertFails(
      ["extract", model, tuned, ...rank, "--output", tuned],
      "already holds a model",
    );
    const config = JSON.parse(await Deno.readTextFile(`${tuned}/config.json`));
    const unknown = { ...config, model_type: "unknown", architectures: ["Unknown"] };
    await Deno.writeTextFile(`${tuned}/config.json`, JSON.stringify(unknown));
    await Deno.copyFile(`${tuned}/config.json`, `${lacking}/config.json`);
    await assertFails(
      ["extract", tuned, lacking, ...rank, ...output],
      'a base of a family whose layers are known, found model_type "unknown" in',
    );
    assertEquals(filesIn(folder), before);
  }));
