/** `lowrank merge`, also into bases that no forward pass is known of. */

import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import type { MergedWeight } from "../../src/adapt/mod.ts";
import { hostTensor, sizeOf } from "../../src/core/tensor.ts";
import { Random } from "../../src/core/random.ts";
import { sha256 } from "../../src/storage/digest.ts";
import { copyFiles } from "../../src/storage/folder.ts";
import {
  type HostTensor,
  openSafetensors,
  type TrainedUpdate,
  writeAdapter,
  writeSafetensors,
} from "../../src/formats/mod.ts";
import { transpose } from "../../src/models/layers.ts";
import { assertAllClose } from "../support/all_close.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { golden, tensorsOf } from "../support/golden.ts";
import { goldenLogits } from "./arguments.ts";
import { assertFails, lowrank, lowrankJson, model } from "./lowrank.ts";

const adapter = golden("adapters/peft_all_linear");

Deno.test("a merged folder has the logits of model and adapter, with the base's names and shapes", () =>
  withFolder(async (folder) => {
    const merged = `${folder}/merged`;
    await lowrankJson("merge", "--model", model, "--adapter", adapter, "--output", merged);
    assertEquals(filesIn(merged), ["config.json", "generation_config.json", "model.safetensors"]);
    const ours = await goldenLogits(folder, "--model", merged);
    const expected = await goldenLogits(folder, "--model", model, "--adapter", adapter);
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

/** A base, an adapter and an output in a folder. */
const placesIn = (folder: string) =>
  ["base", "adapter", "merged"].map((name) => `${folder}/${name}`);

const shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
const counting = (...shape: number[]) =>
  hostTensor(shape, Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => i + 1));

/** W of (3, 2) in one shard, another one stored as (in, out) and integers in the other one. */
async function writeBase(folder: string): Promise<void> {
  await Deno.mkdir(folder);
  const one = { "x.0.proj.weight": counting(3, 2), "norm.weight": counting(2) };
  const other = { "x.1.proj.weight": counting(2, 3) };
  const ids = { shape: [2], data: Int32Array.of(-1, 7) };
  await writeSafetensors(`${folder}/${shards[0]}`, Object.entries(one), { dtype: "BF16" });
  await writeSafetensors(`${folder}/${shards[1]}`, Object.entries({ ...other, ids }));
  const names = [one, { ...other, ids }].flatMap((tensors, i) =>
    Object.keys(tensors).map((name) => [name, shards[i]])
  );
  const index = { metadata: { total_size: 1, own: "kept" }, weight_map: Object.fromEntries(names) };
  await Deno.writeTextFile(`${folder}/model.safetensors.index.json`, JSON.stringify(index));
  await Deno.writeTextFile(
    `${folder}/config.json`,
    '{"model_type":\t"mamba", "dtype": "bfloat16"}',
  );
  await Deno.writeTextFile(`${folder}/vocab.txt`, "a\n");
}

/** ΔW = 2 · (1, 2, 3)ᵀ (1, -1) of both modules. */
const A = hostTensor([1, 2], [1, -1]), B = hostTensor([3, 1], [1, 2, 3]);
const updates = ["x.0.proj", "x.1.proj"].map((module) => ({ module, A, B, scaling: 2 }));

async function tensorsIn(folder: string) {
  using file = await openSafetensors(folder);
  const found: Record<string, unknown> = {};
  for (const [name, { dtype }] of file.tensors) {
    found[name] = [dtype, ...(await file.read(name)).data];
  }
  return found;
}

Deno.test("a base of an unknown family is merged by shapes, in its shards and types, beside its own files", () =>
  withFolder(async (folder) => {
    const [model, adapter, output] = placesIn(folder);
    await writeBase(model);
    await writeAdapter(adapter, { updates });
    const paths = ["--model", model, "--adapter", adapter, "--output", output];
    const { weights, dtype } = await lowrankJson("merge", ...paths);
    const merged = [1 + 2, 2 - 2, 3 + 4, 4 - 4, 5 + 6, 6 - 6];
    const turned = [1 + 2, 2 + 4, 3 + 6, 4 - 2, 5 - 4, 6 - 6];
    assertEquals(await tensorsIn(output), {
      "x.0.proj.weight": ["BF16", ...merged],
      "norm.weight": ["BF16", 1, 2],
      "x.1.proj.weight": ["F32", ...turned],
      ids: ["I32", -1, 7],
    });
    const norms = { deltaNorm: 2 * Math.sqrt(28), weightNorm: Math.sqrt(91), survivingShare: 1 };
    const relativeNorm = norms.deltaNorm / norms.weightNorm;
    assertEquals(weights, updates.map(({ module }) => ({ module, ...norms, relativeNorm })));
    assertEquals(dtype, "BF16 and F32");
    assertEquals(filesIn(output), filesIn(model));
    const text = (folder: string) => Deno.readTextFile(`${folder}/config.json`);
    assertEquals(await text(output), await text(model));
    const index = JSON.parse(await Deno.readTextFile(`${output}/model.safetensors.index.json`));
    assertEquals(index.metadata, { total_size: 2 * (6 + 2) + 4 * (6 + 2), own: "kept" });
    await lowrankJson("merge", ...paths, "--dtype", "f16");
    assertEquals((await tensorsIn(output)).ids, ["I32", -1, 7]);
    assertEquals((await tensorsIn(output))["norm.weight"], ["F16", 1, 2]);
    assertEquals(JSON.parse(await text(output)), { model_type: "mamba", dtype: "float16" });
  }));

Deno.test("a head that the base lacks, or of another shape, is refused, and one that it has replaced", () =>
  withFolder(async (folder) => {
    const [model, adapter, output] = placesIn(folder);
    await writeBase(model);
    const merge = ["merge", "--model", model, "--adapter", adapter, "--output", output];
    const save = (name: string, size: number) => {
      const tensor = hostTensor([size], Array(size).fill(9));
      return writeAdapter(adapter, { updates, saved: new Map([[name, tensor]]) });
    };
    await save("classifier.weight", 2);
    await assertFails(
      merge,
      `cannot merge the adapter in ${adapter}: the base must have all tensors that were trained in full, ` +
        `found no classifier.weight in ${model}: save the base with that head first`,
    );
    await save("norm.weight", 3);
    await assertFails(
      merge,
      "norm.weight, which was trained in full, must be [2] as in the base, found [3]",
    );
    const own = new Map([["x.0.proj.weight", counting(3, 2)]]);
    await writeAdapter(adapter, { updates, saved: own });
    await assertFails(merge, "adapted or trained in full, not both, found x.0.proj.weight");
    await save("norm.weight", 2);
    assertEquals((await lowrankJson(...merge)).weights.length, 2);
    assertEquals((await tensorsIn(output))["norm.weight"], ["BF16", 9, 9]);
    assertEquals(filesIn(folder), ["adapter", "base", "merged"]);
  }));

Deno.test("what does not fit a base of an unknown family is named, and nothing is written", () =>
  withFolder(async (folder) => {
    const [model, adapter, output] = placesIn(folder);
    await writeBase(model);
    const fails = async (module: string, sentence: string, B = hostTensor([2, 1], [1, 1])) => {
      await writeAdapter(adapter, { updates: [{ module, A, B, scaling: 1 }] });
      await assertFails(
        ["merge", "--model", model, "--adapter", adapter, "--output", output],
        sentence,
      );
    };
    await fails("x.2.proj", `the base in ${model} must have one weight of x.2.proj, found none`);
    await fails("x.0.proj", "must have its update's shape [2, 2], found [3, 2]");
    await fails(
      "x.0.proj",
      "must have its update's shape [4, 2], found [3, 2]",
      hostTensor([4, 1], [1, 1, 1, 1]),
    );
    assertEquals(filesIn(folder), ["adapter", "base"]);
  }));

/** m · V / ‖V‖ by rows, with V = W + s B A, in float64. */
function doraWeight(W: HostTensor, { A, B, scaling, magnitude }: TrainedUpdate): number[] {
  const [out, inner] = W.shape, rank = A.shape[0];
  return Array.from({ length: out }, (_, i) => {
    const row = Array.from({ length: inner }, (_, j) => {
      let sum = W.data[i * inner + j];
      for (let r = 0; r < rank; r++) {
        sum += scaling * B.data[i * rank + r] * A.data[r * inner + j];
      }
      return sum;
    });
    const factor = magnitude!.data[i] / Math.hypot(...row);
    return row.map((value) => factor * value);
  }).flat();
}

Deno.test("DoRA is merged by rows of the weight, over several blocks and either way that it is stored", () =>
  withFolder(async (folder) => {
    const [out, inner] = [530, 601],
      random = new Random(1),
      [model, adapter, output] = placesIn(folder);
    const filled = (...shape: number[]) =>
      hostTensor(shape, Array.from({ length: sizeOf(shape) }, () => random.normal()));
    const W = filled(out, inner),
      updates = ["x.0.proj", "x.1.proj"].map((module) => ({
        ...{ module, A: filled(2, inner), B: filled(out, 2), scaling: 0.5 },
        magnitude: hostTensor([out], Array.from({ length: out }, () => 20 + random.normal())),
      }));
    await Deno.mkdir(model);
    const tensors = { "x.0.proj.weight": W, "x.1.proj.weight": transpose(W) };
    await writeSafetensors(`${model}/model.safetensors`, Object.entries(tensors));
    await Deno.writeTextFile(`${model}/config.json`, '{"model_type": "mamba"}');
    await writeAdapter(adapter, { updates });
    await lowrankJson("merge", "--model", model, "--adapter", adapter, "--output", output);
    using merged = await openSafetensors(output);
    for (const [i, name] of Object.keys(tensors).entries()) {
      const stored = await merged.read(name), { data } = i === 0 ? stored : transpose(stored);
      assertAllClose(data, doraWeight(W, updates[i]), {
        absolute: 1e-6,
        relative: 1e-6,
        what: name,
      });
    }
  }));

Deno.test("a bias of B needs a bias of the layer", () =>
  withFolder(async (folder) => {
    const [model, adapter] = [`${folder}/base`, `${folder}/adapter`],
      bias = hostTensor([3], [1, 2, 3]);
    await writeBase(model);
    await writeAdapter(adapter, { updates: updates.map((update) => ({ ...update, bias })) });
    await assertFails(
      ["merge", "--model", model, "--adapter", adapter, "--output", `${folder}/out`],
      'needs a bias of the layer of as many values (3), found none of "x.0.proj"',
    );
  }));
