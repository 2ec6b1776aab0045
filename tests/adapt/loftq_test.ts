/** LoftQ: the facts of its two steps, and adapters that begin with them. */

import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { injectLoftq, loftq, type LoftqOptions, type LoraAdapter } from "../../src/adapt/mod.ts";
import { ShapeError } from "../../src/core/errors.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import { deltaWeight, indicesOf } from "../../src/core/update.ts";
import { Random } from "../../src/core/random.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { gather } from "../../src/formats/peft/comparable.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import { denseOf, difference, frobeniusNorm, singularValues } from "../../src/linalg/mod.ts";
import { allocateModel, type Gpt2, quantizeFolder, saveModel } from "../../src/models/mod.ts";
import { dequantize, quantize } from "../../src/quant/mod.ts";
import { allocateMethod, applyMethod, type MethodSpec } from "../../src/runs/mod.ts";
import { modelIn } from "../nn/fixtures.ts";
import "../support/open_lapack.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { tinyModel, trainedLora, valuesOf } from "./fixtures.ts";

function normal(seed: number, ...shape: number[]): HostTensor {
  const random = new Random(seed);
  return { shape, data: Float32Array.from({ length: shape[0] * shape[1] }, () => random.normal()) };
}

/** ‖W − Q − B A‖ / ‖W‖ and the least that any update of the rank could leave (Eckart and Young 1936). */
function errorAndLeast(W: HostTensor, Q: HostTensor, BA: HostTensor, rank: number) {
  const size = frobeniusNorm(denseOf(W)), rest = difference(denseOf(W), denseOf(Q));
  const tail = singularValues(rest).slice(rank);
  const least = Math.sqrt(tail.reduce((sum, value) => sum + value ** 2, 0)) / size;
  return { error: frobeniusNorm(difference(rest, denseOf(BA))) / size, least };
}

const forms: readonly Omit<LoftqOptions, "rank">[] = [
  {},
  { code: "fp4", blockSize: 32, doubleQuantization: false },
];

for (const form of forms) {
  Deno.test(`each update of ${form.code ?? "nf4"} is the best of its rank for its weights`, () => {
    const shapes = [[40, 24], [13, 101], [64, 64]], rank = 5;
    for (const [i, shape] of shapes.entries()) {
      const W = normal(i, ...shape), { iterations: _, ...options } = form;
      const all = loftq(W, { ...form, rank, iterations: 4 });
      assertEquals(all.errors.length, 5);
      const whole = dequantize(quantize(W, options)), none = { ...W, data: W.data.map(() => 0) };
      assertAlmostEquals(all.errors[0], errorAndLeast(W, whole, none, rank).error, 1e-12);
      let before = none as HostTensor;
      for (let iterations = 1; iterations <= 4; iterations++) {
        const { quantized, A, B, errors } = loftq(W, { ...form, rank, iterations });
        assertEquals(errors, all.errors.slice(0, iterations + 1));
        const rest = difference(denseOf(W), denseOf(before)), data = Float32Array.from(rest.data);
        assertEquals(quantized, quantize({ shape, data }, options));
        before = deltaWeight({ A, B, scaling: 1 });
        const { error, least } = errorAndLeast(W, dequantize(quantized), before, rank);
        assertAlmostEquals(error, errors[iterations], 1e-12);
        assertAlmostEquals(error, least, 1e-6);
      }
      // The first update cannot be worse than none, for the same weights in 4 bits.
      assert(all.errors[1] < all.errors[0], `${all.errors}`);
    }
  });
}

Deno.test("several iterations leave less of a normal weight than one, and of the full rank nothing is left", () => {
  const W = normal(3, 96, 96);
  const { errors } = loftq(W, { rank: 16, iterations: 5 });
  assert(errors[5] < errors[1], `${errors}`);
  assertAlmostEquals(loftq(W, { rank: 96 }).errors[1], 0, 1e-6);
});

Deno.test("weights of zeros and of one value are split without a loss", () => {
  for (const value of [0, 0.25]) {
    const data = new Float32Array(35).fill(value);
    const { errors, A, B } = loftq({ shape: [5, 7], data }, { rank: 2, iterations: 2 });
    for (const error of errors) assertAlmostEquals(error, 0, 1e-7);
    assert([...A.data, ...B.data].every(Number.isFinite));
  }
});

Deno.test("what cannot be split is refused", () => {
  const W = normal(1, 4, 6),
    refuses = (options: unknown, sentence: string) =>
      assertThrows(() => loftq(W, options as LoftqOptions), RangeError, sentence);
  for (const rank of [0, 5, 1.5, NaN]) {
    refuses({ rank }, "the rank of loftq must be a whole number from 1 to 4");
  }
  refuses(
    { rank: 1, iterations: 0 },
    "iterations of loftq must be a whole number of at least 1, found 0",
  );
  refuses({ rank: 1, blockSize: 48 }, "the block size of quantize must be one of 32, 64");
  refuses({ rank: 1, code: "int4" }, "the code of quantize must be one of nf4, fp4");
  assertThrows(() => loftq(W, { rank: 1, type: 1 } as LoftqOptions), TypeError, "type");
  W.data[3] = NaN;
  refuses({ rank: 1 }, "values to quantize must be finite in F32, found NaN at [0, 3]");
  const flat = { shape: [24], data: new Float32Array(24) };
  assertThrows(
    () => loftq(flat, { rank: 1 }),
    ShapeError,
    "needs a weight of two axes, found [24]",
  );
});

for (const where of [{ targetModules: ["c_attn", "c_fc"] }, { sites: ["q", "v", "down"] }]) {
  Deno.test(`an adapter on ${Object.values(where)} begins at what the rows have lost, and the base keeps its bits`, () =>
    withFolder(async (folder) => {
      using device = await openCpuDevice({ threads: 1 });
      using base = tinyModel(device);
      await saveModel(base, folder);
      using model = await modelIn(base, {}, true);
      const before = await lostIn(model, base);
      using adapter = await injectLoftq(model, folder, { rank: 3, alpha: 6, ...where });
      assertEquals(await lostIn(model, base), before);
      const updates = await adapter.read();
      assertEquals(updates.length, 2 * Object.values(where)[0].length);
      for (const update of updates) {
        const lost = before.get(update.module)!;
        const own = update.rows ? gather(lost, indicesOf(update.rows)) : lost;
        const none = { ...own, data: own.data.map(() => 0) };
        const { error, least } = errorAndLeast(own, none, deltaWeight(update), 3);
        assertAlmostEquals(error, least, 1e-5);
      }
      // The start is the update itself, with nothing beside it: both factors are trained.
      assertEquals(adapter.starts, []);
      assertEquals(new Set(model.trainable()), new Set(adapter.parameters));
    }));
}

/** W − W₄ of every linear layer. */
async function lostIn(model: Gpt2, base: Gpt2): Promise<Map<string, HostTensor>> {
  const lost = new Map<string, HostTensor>();
  for (const [i, { name, weight }] of model.linears.entries()) {
    using dense = weight.dense();
    const W = await valuesOf(base.linears[i].weight.parameter!.tensor);
    const data = Float32Array.from(await valuesOf(dense), (value, at) => W[at] - value);
    lost.set(name, { shape: weight.shape, data });
  }
  return lost;
}

Deno.test("an adapter records how its base was quantized", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 1 });
    using base = tinyModel(device);
    using model = await modelIn(base, { code: "fp4", blockSize: 32 }, true);
    using adapter = trainedLora(model);
    await adapter.save(folder);
    const { quantizedBase } = await readAdapter(folder);
    assertEquals(quantizedBase, { code: "fp4", blockSize: 32, doubleQuantization: true });
    using other = trainedLora(base);
    await other.save(folder);
    assertEquals((await readAdapter(folder)).quantizedBase, undefined);
  }));

Deno.test("as a method LoftQ is the adapter of its injector, in LoRA's bytes, and needs the floats", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 1 });
    using base = tinyModel(device);
    await saveModel(base, folder);
    using model = await modelIn(base, {}, true);
    const options = { rank: 3, alpha: 6, sites: ["q", "v", "down"] };
    const method = { kind: "lora", init: "loftq", ...options } as const;
    await assertRejects(
      () => applyMethod(model, method, 1),
      RangeError,
      "LoftQ needs the folder of the floats that a base was quantized from, found none",
    );
    using adapter = (await applyMethod(model, method, 1, folder)) as LoraAdapter;
    const found = await adapter.read();
    adapter.remove();
    using injected = await injectLoftq(model, folder, options);
    assertEquals(found, await injected.read());
    injected.remove();
    const bytesOf = (made: MethodSpec) => {
      using dry = new DryDevice();
      using shape = allocateModel(dry, base.configJson());
      using _ = allocateMethod(shape, made, 1);
      return dry.ledger.read().byRole.adapter;
    };
    assertEquals(bytesOf(method), bytesOf({ kind: "lora", ...options }));
    assertEquals(bytesOf(method), adapter.parameterCount * 4);
  }));

Deno.test("LoftQ needs weights in 4 bits, their floats, and a positive scaling", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 1 });
    using base = tinyModel(device);
    await saveModel(base, folder);
    const options = { rank: 2, sites: ["q"] };
    await assertRejects(
      () => injectLoftq(base, folder, options),
      RangeError,
      "injectLoftq needs weights in 4 bits, found floats on transformer.h.0.attn.c_attn:q",
    );
    using model = await modelIn(base, {}, true);
    await assertRejects(
      () => injectLoftq(model, folder, { ...options, alpha: -1 }),
      RangeError,
      "LoftQ needs a positive scaling, found -0.5",
    );
    await assertRejects(
      () => injectLoftq(model, "models/tiny-gpt2", options),
      RangeError,
      "must have its update's shape",
    );
    const quantized = `${folder}/4`;
    await quantizeFolder(folder, quantized);
    await assertRejects(
      () => injectLoftq(model, quantized, options),
      RangeError,
      `LoftQ needs the floats that a base was quantized from, found weights in 4 bits in ${quantized}`,
    );
    using unrelated = tinyModel(device, 99);
    await saveModel(unrelated, `${folder}/other`);
    await assertRejects(
      () => injectLoftq(model, `${folder}/other`, options),
      RangeError,
      "found transformer.h.0.attn.c_attn.weight in",
    );
    assertEquals(model.adapters.size, 0);
  }));
