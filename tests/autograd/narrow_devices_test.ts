/**
 * Tensors beyond what a kernel may bind, as the weights of GPT-3 are on some adapters: products, tables,
 * merging and training in pieces.
 */

import { assert, assertEquals } from "@std/assert";
import { matmul } from "../../kernels/mod.ts";
import { injectLora, merge } from "../../src/adapt/mod.ts";
import { crossEntropy } from "../../src/autograd/ops/losses.ts";
import { embedding } from "../../src/autograd/ops/embedding.ts";
import { linear } from "../../src/autograd/ops/linear.ts";
import { multiply, type ProductOptions } from "../../src/autograd/ops/product.ts";
import { Parameter } from "../../src/autograd/parameter.ts";
import { Tape } from "../../src/autograd/tape.ts";
import { Random } from "../../src/core/random.ts";
import type { Device } from "../../src/device/device.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { Scope } from "../../src/device/arena.ts";
import { allocateModel, initGpt2, type Model, parseGpt2Config } from "../../src/models/mod.ts";
import { Trainer } from "../../src/train/mod.ts";
import { assertWithin } from "../kernels/kernel_case.ts";
import { kernelDevices } from "../kernels/devices.ts";
import { each, gamma } from "../kernels/error_model.ts";
import { assertAllClose } from "../support/all_close.ts";
import { testOn } from "../support/devices.ts";
import { whileNarrow } from "../support/narrow.ts";
import { randomBatches } from "../train/fixtures.ts";

/** 4,096 values. */
const limit = 2 ** 14;

const numbers = (size: number, seed: number): Float32Array<ArrayBuffer> => {
  const random = new Random(seed);
  return Float32Array.from({ length: size }, () => random.uniform() - 0.5);
};

/** A matrix of rows that are farther apart than they are long, somewhere in a tensor. */
function place(scope: Scope, rows: number, width: number, seed: number) {
  const stride = width + 7, offset = 100 + seed;
  const values = numbers(offset + rows * stride, seed);
  const tensor = scope.allocate([values.length], "f32", "scratch", `operand ${seed}`);
  scope.device.write(tensor, values);
  return { values: Float64Array.from(values), matrix: { tensor, stride, offset } };
}

/** One product in pieces against the kernel's float64 reference, with the bound of its dot products. */
async function checkProduct(device: Device, options: ProductOptions, k2 = 0, withBias = true) {
  using scope = new Scope(device);
  const { m, n, k, transposeA, transposeB, alpha = 1, accumulate = 0 } = options;
  const a = place(scope, transposeA ? k : m, transposeA ? m : k, 1);
  const b = place(scope, transposeB ? n : k, transposeB ? k : n, 2);
  const c = place(scope, m, n, 3);
  const biasValues = numbers(n, 4), hasBias = Number(withBias);
  const bias = withBias ? scope.allocate([n], "f32", "scratch", "bias") : undefined;
  if (bias) device.write(bias, biasValues);
  const a2 = place(scope, transposeA ? k2 : m, transposeA ? m : k2, 5);
  const b2 = place(scope, transposeB ? n : k2, transposeB ? k2 : n, 6);
  const second = k2 > 0 ? { a: a2.matrix, b: b2.matrix, k: k2 } : undefined;
  multiply(a.matrix, b.matrix, c.matrix, { ...options, bias, second });
  const [{ data }] = await device.read(c.matrix.tensor);
  const pairs = { a: a.values, b: b.values, a2: a2.values, b2: b2.values };
  const buffers = { ...pairs, bias: Float64Array.from(biasValues), c: c.values };
  matmul.reference(buffers, {
    ...{ m, n, k, alpha, accumulate, hasBias },
    ...{ transposeA: Number(transposeA), transposeB: Number(transposeB) },
    ...{ aOffset: a.matrix.offset, bOffset: b.matrix.offset, cOffset: c.matrix.offset },
    ...{ aStride: a.matrix.stride, bStride: b.matrix.stride, cStride: c.matrix.stride },
    ...{ k2, a2Offset: a2.matrix.offset, a2Stride: a2.matrix.stride },
    ...{ b2Offset: b2.matrix.offset, b2Stride: b2.matrix.stride },
  });
  // All values are below 1/2: k + k2 products of 1/4, one value of C and of the bias.
  const terms = k + k2, bound = each(data.length, () => gamma(terms + 8) * (terms * alpha / 4 + 1));
  assertWithin(JSON.stringify(options), data, c.values, bound);
}

/** A product of any layout whose launches may take few operations, beside the whole: equal bits, and no launch of more. */
async function checkShort(device: Device, options: ProductOptions, k2: number): Promise<void> {
  using scope = new Scope(device);
  const { m, n, k, transposeA, transposeB } = options;
  const a = place(scope, transposeA ? k : m, transposeA ? m : k, 1).matrix;
  const b = place(scope, transposeB ? n : k, transposeB ? k : n, 2).matrix;
  const a2 = place(scope, transposeA ? k2 : m, transposeA ? m : k2, 5).matrix;
  const b2 = place(scope, transposeB ? n : k2, transposeB ? k2 : n, 6).matrix;
  const bias = scope.allocate([n], "f32", "scratch", "bias");
  device.write(bias, numbers(n, 4));
  const valuesOf = async (most: number) => {
    const c = place(scope, m, n, 3).matrix, flops: number[] = [];
    const { launch, maxLaunchFlops } = device;
    const counted: Device["launch"] = (kernel, bindings, scalars) => {
      flops.push(kernel.flops!(scalars));
      launch.call(device, kernel, bindings, scalars);
    };
    Object.defineProperties(device, {
      maxLaunchFlops: { value: most, configurable: true },
      launch: { value: counted, configurable: true },
    });
    try {
      multiply(a, b, c, { ...options, bias, second: k2 > 0 ? { a: a2, b: b2, k: k2 } : undefined });
      const [{ data }] = await device.read(c.tensor);
      return { data, flops };
    } finally {
      Object.defineProperties(device, {
        maxLaunchFlops: { value: maxLaunchFlops },
        launch: { value: launch },
      });
    }
  };
  const whole = await valuesOf(Infinity), limit = 128 * 2 * n * (k + k2) + 1;
  const short = await valuesOf(limit);
  assertEquals(short.data, whole.data);
  assertEquals([whole.flops.length, short.flops.length], [1, Math.ceil(m / 128)]);
  assert(short.flops.every((one) => one <= limit));
}

const config = parseGpt2Config({
  vocab_size: 401,
  n_positions: 8,
  n_embd: 36,
  n_layer: 1,
  n_head: 4,
});

const batches = randomBatches(2, { vocabulary: config.vocab_size, rows: 2, time: 5 });

/** Losses of three steps, full or of an adapter. */
async function losses(device: Device, rank: number): Promise<number[]> {
  using model = initGpt2(device, config, { seed: 3 });
  using _ = rank === 0 ? undefined : injectLora(model, { rank, sites: "all", seed: 1 });
  using trainer = new Trainer(model, { learningRate: 1e-2, steps: 3, clipNorm: 1 });
  for (let step = 0; step < 3; step++) trainer.step([batches[step % 2]]);
  return (await trainer.ring.read(3)).map(({ loss }) => loss);
}

async function logits(model: Model): Promise<number[]> {
  using tape = new Tape(model.device, { record: false });
  return [...(await model.device.read(model.forward(tape, batches[0].inputs)))[0].data];
}

const checks: Record<string, (device: Device) => Promise<void>> = {
  "products cut by rows of A, B and C, by terms, and by all of them": async (device) => {
    for (const [m, n, k] of [[33, 140, 100], [300, 20, 33], [20, 40, 500], [70, 65, 130]]) {
      for (const transposeA of [false, true]) {
        for (const transposeB of [false, true]) {
          const shape = { m, n, k, transposeA, transposeB, alpha: 1.5 };
          await checkProduct(device, shape);
          await checkProduct(device, { ...shape, accumulate: 1 });
          await checkProduct(device, shape, 9);
        }
      }
    }
  },
  "products of no terms give the bias, zeros or what there was": async (device) => {
    const shape = { m: 300, n: 100, k: 0, transposeA: false, transposeB: true };
    for (const accumulate of [0, 1] as const) {
      for (const withBias of [false, true]) {
        await checkProduct(device, { ...shape, accumulate }, 0, withBias);
        await checkProduct(device, { ...shape, accumulate, transposeA: true }, 0, withBias);
      }
    }
  },
  "a table in pieces gives its rows to the bit, and sums the gradients of equal ids": async (
    device,
  ) => {
    using scope = new Scope(device);
    const [rows, width] = [301, 40], values = numbers(rows * width, 5);
    const tensor = scope.allocate([rows, width], "f32", "weight", "table");
    device.write(tensor, values);
    const table = new Parameter("table", tensor), ids = [300, 0, 64, 300, 63, 150, 300];
    using tape = new Tape(device);
    const out = embedding(tape, table, ids);
    tape.backward(out, 2);
    const [found, gradient] = await device.read(out, tape.gradientOf(table)!);
    assertEquals([...found.data], ids.flatMap((id) => [...values.slice(id * width).slice(0, 40)]));
    const times = (id: number) => ids.filter((other) => other === id).length;
    const sums = Array.from(gradient.data, (_, i) => 2 * times(Math.floor(i / width)));
    assertEquals([...gradient.data], sums);
    const uploaded = scope.allocate([ids.length], "u32", "activation", "ids");
    device.write(uploaded, Uint32Array.from(ids));
    using plain = new Tape(device, { record: false });
    const [same] = await device.read(embedding(plain, table, uploaded));
    assertEquals([...same.data], [...found.data]);
  },
  "the loss of rows in pieces and its gradient are those of a wide device": async (device) => {
    using wide = new ReferenceDevice();
    const [rows, vocabulary, width] = [200, 60, 8];
    const labels = Int32Array.from({ length: rows }, (_, i) => i % 7 === 0 ? -100 : i % vocabulary);
    const run = async (on: Device) => {
      using scope = new Scope(on);
      const x = scope.allocate([rows, width], "f32", "activation", "x");
      const weight = scope.allocate([vocabulary, width], "f32", "weight", "head");
      on.write(x, numbers(rows * width, 7));
      on.write(weight, numbers(vocabulary * width, 8));
      using tape = new Tape(on);
      const head = new Parameter("head", weight);
      const loss = crossEntropy(tape, linear(tape, x, head), labels, { smoothing: 0.1 });
      tape.backward(loss);
      const read = await on.read(loss, tape.gradientOf(head)!);
      return read.flatMap(({ data }) => [...data]);
    };
    assertAllClose(await run(device), await run(wide), { relative: 1e-4, absolute: 1e-7 });
  },
  "three steps of training, full and of an adapter, are those of a wide device": async (device) => {
    using wide = new ReferenceDevice();
    for (const rank of [0, 2]) {
      assertAllClose(await losses(device, rank), await losses(wide, rank), { relative: 1e-5 });
    }
  },
  "merging copies and updates a weight in pieces, and the base keeps its bits": async (device) => {
    using model = initGpt2(device, config, { seed: 3 });
    using adapter = injectLora(model, { rank: 3, sites: ["transformer.h.0.mlp.c_fc"], seed: 1 });
    for (const { B } of adapter.sites) device.write(B.tensor, numbers(B.size, 6));
    const before = await logits(model);
    using merged = merge(model, adapter);
    assert(model.linears.some(({ weight }) => weight.bytes > limit));
    assertAllClose(await logits(merged), before, { relative: 1e-4, absolute: 1e-5 });
    adapter.remove();
    using untouched = initGpt2(device, config, { seed: 3 });
    assertEquals(await logits(model), await logits(untouched));
  },
};

// Each on a device that binds no more than the limit.
await testOn(
  kernelDevices,
  Object.entries(checks).map(([name, run]) => ({
    name: `narrow: ${name}`,
    run: (device) => whileNarrow(device, limit, run),
  })),
);

await testOn(kernelDevices, [{
  name: "a product whose launch would take too long is cut by rows of C, and has the same bits",
  run: async (device) => {
    for (const transposeA of [false, true]) {
      for (const transposeB of [false, true]) {
        const shape = { m: 300, n: 37, k: 21, transposeA, transposeB, alpha: 1.5 };
        await checkShort(device, shape, 0);
        await checkShort(device, { ...shape, accumulate: 1 }, 9);
      }
    }
  },
}]);

Deno.test("of a step at GPT-3's width, only attention launches more than a driver's time limit surely allows", () => {
  using device = new DryDevice();
  const most = 2 ** 36, over = new Set<string>();
  const { launch } = device;
  Object.defineProperties(device, {
    maxLaunchFlops: { value: most },
    launch: {
      value: ((kernel, bindings, scalars) => {
        if ((kernel.flops?.(scalars) ?? 0) > most) over.add(kernel.name);
        launch.call(device, kernel, bindings, scalars);
      }) satisfies Device["launch"],
    },
  });
  const time = 2048, wide = { n_positions: time, n_embd: 12288, n_layer: 1, n_head: 96 };
  using model = allocateModel(device, { model_type: "gpt2", vocab_size: 50257, ...wide });
  using _ = injectLora(model, { rank: 8, sites: ["q", "v"], seed: 1 });
  using trainer = new Trainer(model, { learningRate: 1e-3, steps: 1 });
  trainer.step(randomBatches(1, { vocabulary: 50257, rows: 1, time }));
  assertEquals(over, new Set(["attention_forward", "attention_backward"]));
});
