/** Weights of a base of any family, turned by its architecture or by their shapes. */

import { assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { hostTensor } from "../../src/core/tensor.ts";
import { type Dtype, type FloatDtype, writeSafetensors } from "../../src/formats/mod.ts";
import type { LowRankUpdate } from "../../src/core/update.ts";
import { describeUpdate, openBaseWeights } from "../../src/inspect/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";

const bert = {
  model_type: "bert",
  hidden_size: 2,
  intermediate_size: 3,
  num_hidden_layers: 1,
  vocab_size: 5,
  max_position_embeddings: 4,
};
const gpt2 = {
  model_type: "gpt2",
  n_embd: 2,
  n_inner: 3,
  n_layer: 1,
  n_positions: 4,
  vocab_size: 5,
};
const unknown = { model_type: "mamba" };

/** An update of (out, in), from which only the shape is read. */
function updateOf(module: string, [out, inner]: [number, number] = [3, 2]): LowRankUpdate {
  const [A, B] = [[1, inner], [out, 1]].map((shape) =>
    hostTensor(shape, Array(shape[0] * shape[1]).fill(1))
  );
  return { module, A, B, scaling: 1 };
}

interface Stored {
  readonly key: string;
  readonly shape: readonly number[];
  readonly dtype?: FloatDtype;
  readonly files?: readonly string[];
}

const valuesOf = (shape: readonly number[]) =>
  hostTensor(shape, Array.from({ length: shape[0] * shape[1] }, (_, i) => i + 1));

/** Runs a test with a base that holds one weight, and others that are not to be read. */
async function withBase(
  config: object | undefined,
  { key, shape, dtype = "F32", files = ["model.safetensors"] }: Stored,
  test: (folder: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    if (config) await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(config));
    const other = hostTensor([2], [NaN, 1]), map: Record<string, string> = {};
    for (const [i, name] of files.entries()) {
      const tensors = i === 0 ? { [key]: valuesOf(shape) } : { [`other.${i}`]: other };
      for (const tensor of Object.keys(tensors)) map[tensor] = name;
      const options = { dtype, allowNonFinite: true };
      await writeSafetensors(
        `${folder}/${name}`,
        Object.entries({ ...tensors, [`nan.${i}`]: other }),
        options,
      );
    }
    if (files.length > 1) {
      const index = `${folder}/model.safetensors.index.json`;
      await Deno.writeTextFile(index, JSON.stringify({ weight_map: map }));
    }
    await test(folder);
  });
}

async function weightOf(config: object | undefined, stored: Stored, update: LowRankUpdate) {
  let weight: unknown;
  await withBase(config, stored, async (folder) => {
    using base = await openBaseWeights(folder);
    const { shape, data } = await base.weightOf(update);
    weight = [[...shape], [...data]];
  });
  return weight;
}

const asStored = [[3, 2], [1, 2, 3, 4, 5, 6]], turned = [[3, 2], [1, 4, 2, 5, 3, 6]];

Deno.test("a BERT's weights are as they are stored, a GPT-2's are turned, with any prefix", async () => {
  const up = "encoder.layer.0.intermediate.dense", plain = { key: `${up}.weight`, shape: [3, 2] };
  assertEquals(await weightOf(bert, plain, updateOf(up)), asStored);
  assertEquals(
    await weightOf(bert, { ...plain, key: `bert.${up}.weight` }, updateOf(up)),
    asStored,
  );
  const conv1d = { key: "h.0.mlp.c_fc.weight", shape: [2, 3] };
  assertEquals(await weightOf(gpt2, conv1d, updateOf("h.0.mlp.c_fc")), turned);
  assertEquals(await weightOf(gpt2, conv1d, updateOf("transformer.h.0.mlp.c_fc")), turned);
});

Deno.test("a family is known whatever its head, and turns square weights too", async () => {
  const config = { ...gpt2, architectures: ["GPT2DoubleHeadsModel"] };
  const square = { key: "transformer.h.0.attn.c_proj.weight", shape: [2, 2] };
  const update = updateOf("transformer.h.0.attn.c_proj", [2, 2]);
  assertEquals(await weightOf(config, square, update), [[2, 2], [1, 3, 2, 4]]);
});

Deno.test("a weight of an unknown family is turned if only so it has the shape of its update", async () => {
  const key = "backbone.layers.0.mixer.in_proj.weight", update = updateOf("layers.0.mixer.in_proj");
  for (const config of [unknown, undefined]) {
    assertEquals(await weightOf(config, { key, shape: [3, 2] }, update), asStored);
    assertEquals(await weightOf(config, { key, shape: [2, 3] }, update), turned);
  }
});

Deno.test("a square weight of an unknown family is refused, and one that does not fit", async () => {
  const refused = async (
    config: object | undefined,
    shape: number[],
    size: [number, number],
    why: string,
  ) =>
    await withBase(config, { key: "x.weight", shape }, async (folder) => {
      using base = await openBaseWeights(folder);
      await assertRejects(() => base.weightOf(updateOf("x", size)), RangeError, why);
    });
  const square =
    "must not be square where the architecture is unknown, as its shape does not say which " +
    "axis is the output; found [2, 2] and model_type ";
  await refused(unknown, [2, 2], [2, 2], `${square}"mamba"`);
  await refused(undefined, [2, 2], [2, 2], `${square}null`);
  await refused(unknown, [3, 4], [3, 2], "must have its update's shape [3, 2], found [3, 4]");
  await refused(unknown, [3, 2], [2, 2], "found [3, 2]");
});

Deno.test("F16 and BF16 are read, shards too, and no tensor that the adapter does not change", async () => {
  const key = "model.layers.0.proj.weight", update = updateOf("model.layers.0.proj");
  for (const dtype of ["F16", "BF16"] as const) {
    assertEquals(await weightOf(unknown, { key, shape: [3, 2], dtype }, update), asStored);
  }
  const files = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
  assertEquals(await weightOf(unknown, { key, shape: [3, 2], files }, update), asStored);
});

Deno.test("packed weights are refused by name", () =>
  withFolder(async (folder) => {
    const dtype: Dtype = "U32", packed = { shape: [3, 2], data: new Uint32Array(6) };
    await writeSafetensors(`${folder}/model.safetensors`, [["x.weight", packed]]);
    using base = await openBaseWeights(folder);
    const why = `the weight of x in ${folder} must hold F32, F16 or BF16, found ${dtype}`;
    await assertRejects(() => base.weightOf(updateOf("x")), RangeError, why);
  }));

Deno.test("a new direction that dominates is an intruder, a scaled old one is none", () => {
  const one = (at: number) => Array.from({ length: 5 }, (_, i) => Number(i === at));
  const weight = hostTensor(
    [5, 5],
    [5, 4, 3, 2, 1].flatMap((value, i) => one(i).map((x) => x * value)),
  );
  const along = (row: number[]) => ({
    ...{ module: "x", scaling: 1000, A: hostTensor([1, 5], row), B: hostTensor([5, 1], row) },
  });
  const found = (row: number[]) =>
    describeUpdate(along(row), { weight, intruders: true }).intruders!;
  assertEquals(found(one(3)).count, 0);
  const { directions: [first], count } = found(Array(5).fill(1));
  // Nearly ±(1, 1, 1, 1, 1) / √5.
  assertAlmostEquals(first.cosine, 1 / Math.sqrt(5), 1e-3);
  assertEquals(count >= 1, true);
  assertEquals(describeUpdate(along(one(3)), { weight }).intruders, undefined);
});
