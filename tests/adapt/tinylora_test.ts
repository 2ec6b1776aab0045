/** TinyLoRA: PEFT's factors and groups of layers, and what does not fit. `method_cases.ts` has what all methods do. */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { countModules } from "../../src/accounting/mod.ts";
import { injectTinyLora, type TinyLoraOptions, type TinyLoraSite } from "../../src/adapt/mod.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { readSafetensors } from "../../src/formats/mod.ts";
import { denseOf, svd } from "../../src/linalg/mod.ts";
import { vectorsOf } from "../../src/methods/tinylora.ts";
import { loadModel } from "../../src/models/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import "../support/open_lapack.ts";
import { golden, refusalsOf, valuesOf, withFolder } from "./fixtures.ts";

const weights = "adapter_model.safetensors", from = golden("methods/gpt2_tinylora");

/** Direction i of a layer's factors, B[:, i] A[i, :], in which signs cancel. */
function direction(A: HostTensor, B: HostTensor, i: number): number[] {
  const [r, inputs] = A.shape, [outputs] = B.shape;
  return Array.from(
    { length: outputs * inputs },
    (_, at) => B.data[Math.floor(at / inputs) * r + i] * A.data[i * inputs + at % inputs],
  );
}

/**
 * The most that rounding in F32 may change in the entries of a direction: LAPACK finds the singular vectors of W + E with
 * ‖E‖ ≤ n ε σ₁, whose angles to those of W are at most ‖E‖ / gap (Wedin 1972), one for each side.
 */
async function roundingOf({ linear }: TinyLoraSite): Promise<number[]> {
  const { weight, extents } = linear;
  using own = weight.dense();
  const [W] = await own.device.read(own), { values } = svd(denseOf(W));
  const error = Math.min(...extents) * 2 ** -24 * values[0];
  return [0, 1, 2].map((i) => {
    const gap = Math.min(values[i] - values[i + 1], i > 0 ? values[i - 1] - values[i] : Infinity);
    return 2 * values[i] * error / gap;
  });
}

Deno.test("the frozen factors are PEFT's but for the signs of singular vectors", async () => {
  using device = new ReferenceDevice();
  using model = await loadModel(device, golden("gpt2_tiny"));
  const options = { rank: 3, targetModules: ["c_attn", "c_proj", "c_fc"] };
  using adapter = await injectTinyLora(model, options);
  const { tensors } = await readSafetensors(`${from}/${weights}`);
  assertEquals(adapter.sites.length, 8);
  for (const site of adapter.sites) {
    const { frozen: { A, B } } = site, bounds = await roundingOf(site);
    const own = await Promise.all([A, B].map(async ({ tensor, shape }) => ({
      shape,
      data: Float64Array.from(await valuesOf(tensor)),
    })));
    const theirs = [A, B].map(({ name }) => tensors.get(name)!);
    for (let i = 0; i < 3; i++) {
      const [found, wanted] = [own, theirs].map(([A, B]) => direction(A, B, i));
      const close = { absolute: bounds[i], relative: 0, what: `${A.name} ${i}` };
      assertAllClose(found, wanted, close);
    }
  }
});

Deno.test("an entry of a core of LoRA-XS is a trained value, and random matrices have PEFT's variance", async () => {
  using device = new ReferenceDevice();
  using model = await loadModel(device, golden("gpt2_tiny"));
  {
    using adapter = await injectTinyLora(model, { rank: 2, core: "entries" });
    const [{ v, frozen: { P } }] = adapter.sites;
    assertEquals([v.shape, P.shape], [[4], [4, 2, 2]]);
    const unit = Array.from({ length: 16 }, (_, at) => Number(at % 5 === 0));
    assertEquals(Array.from(await valuesOf(P.tensor)), unit);
  }
  using adapter = await injectTinyLora(model, { rank: 4, vectorSize: 1000, seed: 1 });
  const values = Array.from(await valuesOf(adapter.sites[0].frozen.P.tensor));
  const variance = values.reduce((sum, x) => sum + x * x, 0) / values.length;
  // 1/r, and five times its standard error, √(2 / n) / r.
  assertAllClose([variance], [1 / 4], { absolute: 5 * Math.sqrt(2 / 16000) / 4, relative: 0 });
});

Deno.test("layers share vectors as PEFT deals them out, with Python's rounding", () => {
  assertEquals(vectorsOf(4, 0), [0, 1, 2, 3]);
  assertEquals(vectorsOf(4, 1), [0, 0, 0, 0]);
  assertEquals(vectorsOf(5, 0.5), [0, 0, 1, 1, 1]); // round(2.5) is 2.
  assertEquals(vectorsOf(7, 0.5), [0, 1, 2, 3, 3, 3, 3]); // round(3.5) is 4.
  assertEquals(vectorsOf(1, 0.5), [0]);
});

const unfit: readonly (readonly [TinyLoraOptions, string])[] = [
  [{ targetModules: ["wte"] }, "TinyLoRA needs linear layers, found the embedding transformer.wte"],
  [{ rank: 0 }, "rank must be a whole number of at least 1, found 0"],
  [{ vectorSize: 1.5 }, "vectorSize must be a whole number of at least 1, found 1.5"],
  [{ weightTying: 2 }, "weightTying must be a number from 0 to 1, found 2"],
  [
    { core: "entries", vectorSize: 5 },
    "vectorSize must be 4 where the entries of a core are trained, found 5",
  ],
  [
    { core: "entries", rank: 49 },
    "rank must be at most 48, the smaller side of transformer.h.0.attn.c_attn, where the entries of a core are " +
    "trained, found 49",
  ],
];

for (const [options, message] of unfit) {
  Deno.test(`count and adapter refuse ${JSON.stringify(options)}`, async () => {
    using device = new ReferenceDevice();
    using model = await loadModel(device, golden("gpt2_tiny"));
    await assertRejects(() => injectTinyLora(model, options), RangeError, message);
    const counted = () => countModules(model.architecture, { kind: "tinylora", ...options });
    assertThrows(counted, RangeError, message);
    assertEquals(model.adapters.size, 0);
  });
}

Deno.test("a folder with what is not understood, without a tensor or with another is refused, loaded and merged", () =>
  withFolder(async (folder) => {
    using device = new ReferenceDevice();
    using model = await loadModel(device, golden("gpt2_tiny"));
    const { tensors, refused } = await refusalsOf("methods/gpt2_tinylora", folder, model);
    const without = (end: string) => new Map([...tensors].filter(([name]) => !name.endsWith(end)));
    const withOne = (name: string, ...shape: number[]) => {
      const data = new Float32Array(shape.reduce((product, extent) => product * extent, 1));
      return new Map([...tensors, [name, { shape, data }] as const]);
    };
    const layer = "base_model.model.transformer.h.0.attn.c_attn";
    await refused("tinylora_scale must be null, false or empty", { tinylora_scale: 2 });
    await refused('bias must be "none" (not implemented: biases beside TinyLoRA)', { bias: "all" });
    await refused("save_projection must be true, as its random", { save_projection: false });
    await refused("weight_tying must be a number from 0 to 1, found 1.5", { weight_tying: 1.5 });
    await refused("tinylora_A must have shape [2, 48], found [3, 48]", { r: 2 });
    await refused("tinylora_P must have shape [6, 3, 3], found [5, 3, 3]", { u: 6 });
    await refused(
      `${layer}.tinylora_P must have shape [5, 3, 3], found []`,
      {},
      without("h.0.attn.c_attn.tinylora_P"),
    );
    await refused("tinylora_v.4", {}, without("tinylora_v.4"));
    await refused("tinylora_v.5", {}, withOne("base_model.tinylora_v.5", 5));
    await refused("tinylora_v.0", {}, withOne("base_model.tinylora_v.0", 4));
    await refused("tinylora_v.5", { weight_tying: 0 });
    await refused("tensors must be TinyLoRA's, found", {}, withOne("transformer.tinylora_v.0", 5));
    await refused("TinyLoRA needs vectors of at least one layer", {}, without(""));
  }));
