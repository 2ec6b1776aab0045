/** The definitions: gradients are slopes or adjoints, and steps those of their formulas. */

import { assert, assertAlmostEquals } from "@std/assert";
import * as kernels from "../../kernels/mod.ts";
import { onePair } from "../../kernels/matmul/kernel.ts";
import { Random } from "../../src/core/random.ts";

type Arrays = Record<string, Float64Array>;

function normals(seed: number, length: number): Float64Array {
  const random = new Random(seed);
  return Float64Array.from({ length }, () => random.normal());
}

const dot = (x: ArrayLike<number>, y: ArrayLike<number>): number =>
  Array.from(x).reduce((sum, value, i) => sum + value * y[i], 0);

/**
 * Fails unless <gradient, direction> equals the slope of `loss` along that direction at `x`.
 *
 * Central differences err by step² |f'''| / 6 and by 1e-16 |f| / step: 1e-9 or so of losses near 1.
 */
function assertGradient(
  what: string,
  x: Float64Array,
  gradient: Float64Array,
  loss: () => number,
): void {
  const step = 1e-5, original = x.slice();
  for (let trial = 0; trial < 5; trial++) {
    const direction = normals(90 + trial, x.length);
    const at = (factor: number) => {
      for (let i = 0; i < x.length; i++) x[i] = original[i] + factor * direction[i];
      return loss();
    };
    const slope = (at(step) - at(-step)) / (2 * step);
    at(0);
    assertAlmostEquals(dot(gradient, direction), slope, 1e-7 * Math.max(1, Math.abs(slope)), what);
  }
}

for (const exact of [0, 1]) {
  Deno.test(`gelu_backward is the gradient of gelu_forward, exact ${exact}`, () => {
    const size = 9, x = normals(1, size), dy = normals(2, size);
    const y = new Float64Array(size), dx = new Float64Array(size);
    kernels.geluBackward.reference({ x, dy, dx }, { size, exact, accumulate: 0 });
    assertGradient("dx", x, dx, () => {
      kernels.geluForward.reference({ x, y }, { size, exact });
      return dot(dy, y);
    });
  });
}

Deno.test("silu_backward is the gradient of silu_forward", () => {
  const size = 9, x = normals(1, size), dy = normals(2, size);
  const y = new Float64Array(size), dx = new Float64Array(size);
  kernels.siluBackward.reference({ x, dy, dx }, { size, accumulate: 0 });
  assertGradient("dx", x, dx, () => {
    kernels.siluForward.reference({ x, y }, { size });
    return dot(dy, y);
  });
});

Deno.test("relu_backward is the gradient of relu_forward", () => {
  const size = 9, x = normals(1, size), dy = normals(2, size);
  const y = new Float64Array(size), dx = new Float64Array(size);
  const loss = () => {
    kernels.reluForward.reference({ x, y }, { size });
    return dot(dy, y);
  };
  loss();
  kernels.reluBackward.reference({ y: y.slice(), dy, dx }, { size, accumulate: 0 });
  assertGradient("dx", x, dx, loss);
});

Deno.test("tanh_backward is the gradient of tanh_forward", () => {
  const size = 9, x = normals(1, size), dy = normals(2, size);
  const y = new Float64Array(size), dx = new Float64Array(size);
  const loss = () => {
    kernels.tanhForward.reference({ x, y }, { size });
    return dot(dy, y);
  };
  loss();
  kernels.tanhBackward.reference({ y: y.slice(), dy, dx }, { size, accumulate: 0 });
  assertGradient("dx", x, dx, loss);
});

Deno.test("layer_norm_backward and its parameters' are the gradients of layer_norm_forward", () => {
  const rows = 3, width = 7, epsilon = 1e-3, size = rows * width;
  const x = normals(1, size), weight = normals(2, width), bias = normals(3, width);
  const dy = normals(4, size), y = new Float64Array(size);
  const mean = new Float64Array(rows), inverseDeviation = new Float64Array(rows);
  const loss = () => {
    const buffers = { x, weight, bias, y, mean, inverseDeviation };
    kernels.layerNormForward.reference(buffers, { rows, width, epsilon });
    return dot(dy, y);
  };
  loss();
  const dx = new Float64Array(size), scalars = { rows, width, accumulate: 0 };
  const dWeight = new Float64Array(width), dBias = new Float64Array(width);
  const known = { x, mean, inverseDeviation, dy };
  kernels.layerNormBackward.reference({ ...known, weight, dx }, scalars);
  kernels.layerNormBackwardParameters.reference({ ...known, dWeight, dBias }, scalars);
  assertGradient("dx", x, dx, loss);
  assertGradient("dWeight", weight, dWeight, loss);
  assertGradient("dBias", bias, dBias, loss);
});

for (const smoothing of [0, 0.1]) {
  Deno.test(`cross_entropy_backward is the gradient, smoothing ${smoothing}`, () => {
    const rows = 4, vocabulary = 6, size = rows * vocabulary;
    const logits = normals(1, size), labels = Int32Array.of(2, -100, 0, 5);
    const losses = new Float64Array(rows), logSumExp = new Float64Array(rows);
    const scalars = { rows, vocabulary, smoothing, scale: 0.3 };
    const loss = () => {
      kernels.crossEntropyForward.reference({ logits, labels, losses, logSumExp }, scalars);
      return 1.7 * dot(losses, new Float64Array(rows).fill(1));
    };
    loss();
    const dLogits = logits.slice(), dLoss = Float64Array.of(1.7);
    kernels.crossEntropyBackward.reference({ labels, logSumExp, dLoss, logits: dLogits }, scalars);
    assertGradient("dLogits", logits, dLogits, loss);
  });
}

for (const [causal, hasMask] of [[0, 0], [1, 0], [0, 1], [1, 1]]) {
  Deno.test(`attention_backward is the gradient, causal ${causal}, mask ${hasMask}`, () => {
    const batch = 2, heads = 2, headWidth = 3, time = 5, width = heads * headWidth;
    const qkv = normals(1, batch * time * 3 * width), dOut = normals(2, batch * time * width);
    const mask = Uint32Array.of(1, 0, 1, 1, 0, 0, 1, 1, 0, 1);
    const out = new Float64Array(dOut.length), logSumExp = new Float64Array(batch * heads * time);
    const starts = new Uint32Array(0);
    const common = { batch, heads, headWidth, scale: 0.6, causal, hasMask, packedRows: 0 };
    const loss = () => {
      kernels.attentionForward.reference({ q: qkv, k: qkv, v: qkv, mask, starts, out, logSumExp }, {
        ...common,
        kvHeads: heads,
        ...{ queries: time, keys: time, past: 0, kvRows: time, qStride: 3 * width, qOffset: 0 },
        ...{ kStride: 3 * width, kOffset: width, vStride: 3 * width, vOffset: 2 * width },
      });
      return dot(dOut, out);
    };
    loss();
    const delta = new Float64Array(logSumExp.length), dQkv = new Float64Array(qkv.length);
    const buffers = { qkv, mask, starts, out, logSumExp, dOut, delta, dQkv };
    kernels.attentionBackward.reference(buffers, { ...common, time });
    assertGradient("dQkv", qkv, dQkv, loss);
  });
}

/** <forward(x), y> = <x, backward(y)> for two linear maps that are each other's adjoint. */
function assertAdjoint(
  x: Float64Array,
  y: Float64Array,
  forward: (x: Float64Array) => Float64Array,
  backward: (y: Float64Array) => Float64Array,
): void {
  assertAlmostEquals(dot(forward(x), y), dot(x, backward(y)), 1e-12);
}

Deno.test("embedding_backward is the adjoint of embedding_forward", () => {
  const count = 5, width = 3, vocabulary = 4;
  const ids = Uint32Array.of(2, 0, 2, 3, 2);
  const order = Uint32Array.of(1, 0, 2, 4, 3), starts = Uint32Array.of(0, 1, 1, 4, 5);
  assertAdjoint(normals(1, vocabulary * width), normals(2, count * width), (table) => {
    const out = new Float64Array(count * width);
    const scalars = { count, width, first: 0, rows: vocabulary };
    kernels.embeddingForward.reference({ table, ids, out }, scalars);
    return out;
  }, (dOut) => {
    const dTable = new Float64Array(vocabulary * width);
    const buffers = { dOut, order, starts, dTable };
    kernels.embeddingBackward.reference(buffers, { vocabulary, width, accumulate: 0 });
    return dTable;
  });
});

Deno.test("dropout is its own adjoint and drops about its rate", () => {
  const size = 10_000, scalars = { size, seed: 7, keepScale: 1 / 0.7, accumulate: 0 };
  const threshold = kernels.dropoutThreshold(0.3);
  const drop = (x: Float64Array) => {
    const y = new Float64Array(size);
    kernels.dropoutKernel.reference({ x, y }, { ...scalars, threshold });
    return y;
  };
  const x = normals(1, size);
  assertAlmostEquals(dot(drop(x), normals(2, size)), dot(x, drop(normals(2, size))), 1e-9);
  // Five standard deviations of a binomial share.
  const dropped = drop(x).filter((value) => value === 0).length / size;
  assert(Math.abs(dropped - 0.3) < 5 * Math.sqrt(0.3 * 0.7 / size), `dropped ${dropped}`);
});

Deno.test("the layouts of matmul are the products that a linear layer's gradients need", () => {
  const m = 4, n = 3, k = 5;
  const a = normals(1, m * k), b = normals(2, n * k), d = normals(3, m * n);
  const product = (x: Arrays["x"], y: Arrays["y"], size: number, scalars: object) => {
    const c = new Float64Array(size);
    const offsets = { aOffset: 0, bOffset: 0, cOffset: 0 };
    const rest = { ...offsets, ...onePair, alpha: 1, hasBias: 0, accumulate: 0 };
    const buffers = { a: x, b: y, a2: x, b2: y, bias: y, c };
    kernels.matmul.reference(buffers, { ...rest, ...scalars } as never);
    return c;
  };
  const strides = (aStride: number, bStride: number, cStride: number) => ({
    aStride,
    bStride,
    cStride,
  });
  const straight = { transposeA: 0, transposeB: 0 };
  const y = { ...strides(k, k, n), m, n, k, transposeA: 0, transposeB: 1 };
  const dx = { ...strides(n, k, k), m, n: k, k: n, ...straight };
  const dW = { ...strides(n, k, k), m: n, n: k, k: m, transposeA: 1, transposeB: 0 };
  const whole = dot(product(a, b, m * n, y), d);
  assertAlmostEquals(whole, dot(a, product(d, b, m * k, dx)), 1e-12);
  assertAlmostEquals(whole, dot(b, product(d, a, n * k, dW)), 1e-12);
});

Deno.test("sum_columns is the adjoint of adding a bias to every row", () => {
  const rows = 4, width = 3;
  assertAdjoint(normals(1, width), normals(2, rows * width), (bias) => {
    return Float64Array.from({ length: rows * width }, (_, at) => bias[at % width]);
  }, (x) => {
    const y = new Float64Array(width);
    kernels.sumColumns.reference({ x, y }, { rows, width, accumulate: 0 });
    return y;
  });
});

Deno.test("adamw takes the step of its formula and clips by the norm", () => {
  const parameter = Float64Array.of(2), first = Float64Array.of(0), second = Float64Array.of(0);
  const scalars = {
    ...{ size: 1, learningRate: 0.1, beta1: 0.9, complement1: 0.1, beta2: 0.99, complement2: 0.01 },
    ...{ epsilon: 0, keep: 0.95, correction1: 0.1, correction2: 0.01, maxNorm: 1 },
  };
  const gradient = Float64Array.of(-8), norm = Float64Array.of(4);
  kernels.adamw.reference({ parameter, gradient, first, second, norm }, scalars);
  // Clipped to -2 and, after one step, bias-corrected to -2 / √4: the sign, whatever the size.
  assertAlmostEquals(first[0], -0.2, 1e-6);
  assertAlmostEquals(second[0], 0.04, 1e-6);
  assertAlmostEquals(parameter[0], 2 * 0.95 + 0.1, 1e-12);
});
