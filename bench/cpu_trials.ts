/** Trials of `deno task bench:cpu`: products, attention, and kernels that go along rows. @module */

import {
  adamw,
  attentionBackward,
  attentionForward,
  crossEntropyBackward,
  crossEntropyForward,
  dropoutKernel,
  geluBackward,
  geluForward,
  type Kernel,
  layerNormBackward,
  layerNormBackwardParameters,
  layerNormForward,
  matmul,
  reluBackward,
  reluForward,
  rmsNormBackward,
  rmsNormBackwardWeight,
  rmsNormForward,
  rotaryKernel,
  siluBackward,
  siluForward,
  sumColumns,
  sumSquares,
  swigluBackward,
  swigluForward,
  tanhBackward,
  tanhForward,
} from "../kernels/mod.ts";

/** One thing to time. Without `flops` its speed is counted in bytes. */
export interface Trial {
  /** A name and extents. */
  readonly title: string;
  /** The launched kernel. */
  readonly kernel: Kernel;
  /** Elements of each operand. */
  readonly sizes: Readonly<Record<string, number>>;
  /** Scalars of the launch. */
  readonly scalars: Readonly<Record<string, number>>;
  /** Multiplications and additions. */
  readonly flops?: number;
}

function product(m: number, n: number, k: number, layout: "NN" | "NT" | "TN"): Trial {
  const transposeA = Number(layout[0] === "T"), transposeB = Number(layout[1] === "T");
  return {
    title: `matmul ${m} x ${n} x ${k} ${layout}`,
    kernel: matmul,
    sizes: { a: m * k, b: n * k, a2: 1, b2: 1, bias: n, c: m * n },
    scalars: {
      ...{ m, n, k, transposeA, transposeB, cStride: n },
      ...{ k2: 0, a2Offset: 0, a2Stride: 1, b2Offset: 0, b2Stride: 1 },
      ...{ aStride: transposeA ? m : k, bStride: transposeB ? k : n },
      ...{ aOffset: 0, bOffset: 0, cOffset: 0, alpha: 1, hasBias: 0, accumulate: 0 },
    },
    flops: 2 * m * n * k,
  };
}

function attention(batch: number, time: number, heads: number, headWidth: number): Trial[] {
  const tokens = batch * time, width = heads * headWidth, pairs = batch * heads * time * time / 2;
  const common = {
    batch,
    heads,
    kvHeads: heads,
    headWidth,
    causal: 1,
    hasMask: 0,
    packedRows: 0,
    scale: headWidth ** -0.5,
  };
  const strides = { qStride: 3 * width, kStride: 3 * width, vStride: 3 * width };
  const offsets = { qOffset: 0, kOffset: width, vOffset: 2 * width };
  const extents = { queries: time, keys: time, past: 0, kvRows: time };
  const title = `attention ${batch} x ${time}, ${heads} heads of ${headWidth}, causal,`;
  const qkv = tokens * 3 * width, out = tokens * width, logSumExp = batch * heads * time;
  return [{
    title: `${title} forward`,
    kernel: attentionForward,
    sizes: { q: qkv, k: qkv, v: qkv, mask: 1, starts: 1, out, logSumExp },
    scalars: { ...common, ...strides, ...offsets, ...extents },
    flops: 4 * pairs * headWidth,
  }, {
    title: `${title} backward`,
    kernel: attentionBackward,
    sizes: { qkv, mask: 1, starts: 1, out, logSumExp, dOut: out, delta: logSumExp, dQkv: qkv },
    scalars: { ...common, time },
    flops: 10 * pairs * headWidth,
  }];
}

/** The last of some tokens, as when generating, with keys and values in a cache. */
function oneQuery(keys: number, heads: number, kvHeads: number, headWidth: number): Trial {
  const width = heads * headWidth, stored = kvHeads * headWidth;
  return {
    title:
      `attention 1 query on ${keys} keys, ${heads} heads on ${kvHeads} of ${headWidth}, forward`,
    kernel: attentionForward,
    sizes: {
      q: width,
      k: keys * stored,
      v: keys * stored,
      mask: 1,
      starts: 1,
      out: width,
      logSumExp: heads,
    },
    scalars: {
      ...{ batch: 1, heads, kvHeads, headWidth, causal: 1, hasMask: 0, scale: headWidth ** -0.5 },
      ...{
        packedRows: 0,
        queries: 1,
        keys,
        past: keys - 1,
        kvRows: keys,
        qStride: width,
        kStride: stored,
      },
      ...{ vStride: stored, qOffset: 0, kOffset: 0, vOffset: 0 },
    },
    flops: 4 * heads * keys * headWidth,
  };
}

function rowWise(rows: number, width: number): Trial[] {
  const size = rows * width, norm = { mean: rows, inverseDeviation: rows };
  const trial = (
    kernel: Kernel,
    sizes: Trial["sizes"],
    scalars: Trial["scalars"] = { size },
  ): Trial => ({
    title: `${kernel.name}${scalars.exact ? " exact" : ""} ${rows} x ${width}`,
    kernel,
    sizes,
    scalars,
  });
  const wide = { rows, width, accumulate: 0 };
  const vocabulary = { rows, vocabulary: width, smoothing: 0, scale: 1, accumulate: 0 };
  return [
    ...[0, 1].flatMap((exact) => [
      trial(geluForward, { x: size, y: size }, { size, exact }),
      trial(geluBackward, { x: size, dy: size, dx: size }, { size, exact, accumulate: 0 }),
    ]),
    trial(reluForward, { x: size, y: size }),
    trial(reluBackward, { y: size, dy: size, dx: size }, { size, accumulate: 0 }),
    trial(siluForward, { x: size, y: size }),
    trial(siluBackward, { x: size, dy: size, dx: size }, { size, accumulate: 0 }),
    trial(tanhForward, { x: size, y: size }),
    trial(tanhBackward, { y: size, dy: size, dx: size }, { size, accumulate: 0 }),
    trial(swigluForward, { gate: size, up: size, out: size }),
    trial(swigluBackward, { gate: size, up: size, dOut: size, dGate: size, dUp: size }, {
      ...{ size, accumulateGate: 0, accumulateUp: 0 },
    }),
    trial(rmsNormForward, { x: size, weight: width, y: size, inverseRoot: rows }, {
      ...{ rows, width, epsilon: 1e-5 },
    }),
    trial(rmsNormBackward, { x: size, weight: width, inverseRoot: rows, dy: size, dx: size }, wide),
    trial(rmsNormBackwardWeight, { x: size, inverseRoot: rows, dy: size, dWeight: width }, wide),
    trial(rotaryKernel, { x: size, table: width, positions: rows, y: size }, {
      ...{ rows, heads: width / 64, half: 32, direction: 1, accumulate: 0 },
      ...{ xOffset: 0, xStride: width, yOffset: 0, yStride: width },
    }),
    trial(layerNormForward, { x: size, weight: width, bias: width, y: size, ...norm }, {
      ...{ rows, width, epsilon: 1e-5 },
    }),
    trial(layerNormBackward, { x: size, weight: width, ...norm, dy: size, dx: size }, wide),
    trial(
      layerNormBackwardParameters,
      { x: size, ...norm, dy: size, dWeight: width, dBias: width },
      wide,
    ),
    trial(sumColumns, { x: size, y: width }, wide),
    trial(
      crossEntropyForward,
      { logits: size, labels: rows, losses: rows, logSumExp: rows },
      vocabulary,
    ),
    trial(
      crossEntropyBackward,
      { logits: size, labels: rows, logSumExp: rows, dLoss: 1, dLogits: size },
      vocabulary,
    ),
    trial(dropoutKernel, { x: size, y: size }, {
      ...{ size, seed: 1, threshold: 2 ** 29, keepScale: 1.125, accumulate: 0 },
    }),
    trial(sumSquares, { x: size, partials: Math.ceil(size / 4096) }, { size, partialOffset: 0 }),
    trial(adamw, { parameter: size, gradient: size, first: size, second: size, norm: 1 }, {
      ...{ size, learningRate: 1e-3, beta1: 0.9, complement1: 0.1, beta2: 0.999 },
      ...{ complement2: 0.001, epsilon: 1e-8, keep: 1, correction1: 1, correction2: 1, maxNorm: 1 },
    }),
  ];
}

const ofSquare: readonly Kernel[] = [geluForward, geluBackward, sumColumns];

/** All that `deno task bench:cpu` times, in its order. */
export const trials: readonly Trial[] = [
  ...[64, 256, 512, 1024].flatMap((n) => [product(n, n, n, "NN"), product(n, n, n, "NT")]),
  product(1024, 1024, 1024, "TN"),
  ...[768, 256, 1024].flatMap((n) => [
    product(1536, n, 256, "NT"),
    product(1536, 256, n, "NN"),
    product(n, 256, 1536, "TN"),
  ]),
  ...[product(1536, 256, 1024, "NT"), product(1536, 1024, 256, "NN")],
  ...[product(1536, 8, 256, "NT"), product(1536, 256, 8, "NT"), product(256, 8, 1536, "TN")],
  ...[product(1536, 8, 256, "NN"), product(8, 256, 1536, "TN"), product(1536, 256, 8, "NN")],
  ...[product(1, 768, 256, "NT"), product(1, 50257, 768, "NT"), product(4, 1024, 256, "NT")],
  ...attention(12, 128, 4, 64),
  ...attention(4, 512, 4, 64),
  ...attention(16, 64, 8, 32),
  ...rowWise(1536, 1024),
  // The shapes of decision 0043.
  ...[...attention(8, 64, 4, 32), ...attention(1, 1024, 12, 64), oneQuery(512, 32, 8, 64)],
  ...rowWise(512, 512).filter(({ kernel }) => ofSquare.includes(kernel)),
  ...rowWise(512, 128).filter(({ kernel }) => kernel === layerNormBackwardParameters),
];
