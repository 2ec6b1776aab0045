/**
 * Speed of the CPU kernels: `deno task bench:cpu [threads] [name…]`.
 *
 * Prints GFLOP/s for products and attention, with their share of the measured peak of multiply-adds with
 * vectors of 128 bits, and GB/s, counting each byte that must move once, for the rest;
 * the best of several runs, since other work on the machine only ever slows one down.
 */

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
import { Random } from "../src/core/random.ts";
import { openCpuDevice } from "../src/device/cpu/cpu_device.ts";
import type { CpuDevice } from "../src/device/cpu/cpu_device.ts";
import { Scope } from "../src/device/scope.ts";
import type { Tensor } from "../src/device/device.ts";
import { multiplyAddPeak } from "./multiply_add_peak.ts";

/** One thing to time. Without `flops` its speed is counted in bytes. */
interface Trial {
  readonly title: string;
  readonly kernel: Kernel;
  readonly sizes: Readonly<Record<string, number>>;
  readonly scalars: Readonly<Record<string, number>>;
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
    sizes: { q: qkv, k: qkv, v: qkv, mask: 1, out, logSumExp },
    scalars: { ...common, ...strides, ...offsets, ...extents },
    flops: 4 * pairs * headWidth,
  }, {
    title: `${title} backward`,
    kernel: attentionBackward,
    sizes: { qkv, mask: 1, out, logSumExp, dOut: out, delta: logSumExp, dQkv: qkv },
    scalars: { ...common, time },
    flops: 10 * pairs * headWidth,
  }];
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

const trials: Trial[] = [
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
];

function fillRandomly(tensor: Tensor, seed: number, positive: boolean): void {
  const random = new Random(seed);
  const draw = () => positive ? random.uniform() : random.normal();
  tensor.device.write(tensor, Float32Array.from({ length: tensor.size }, draw));
}

/** Best time of one launch in ms. */
function time(device: CpuDevice, { kernel, sizes, scalars }: Trial): number {
  using scope = new Scope(device);
  const tensors: Record<string, Tensor> = {};
  Object.entries(sizes).forEach(([name, size], seed) => {
    tensors[name] = scope.allocate([size], kernel.bindings[name].type, "scratch", name);
    if (kernel.bindings[name].type === "f32") fillRandomly(tensors[name], seed, name === "second");
    else device.write(tensors[name], new Uint32Array(size));
  });
  let best = Infinity;
  for (
    let start = performance.now(), runs = 0;
    performance.now() - start < 300 || runs < 5;
    runs++
  ) {
    const begin = performance.now();
    device.launch(kernel, tensors, scalars);
    best = Math.min(best, performance.now() - begin);
  }
  return best;
}

function bytesOf({ kernel, sizes }: Trial): number {
  const factors = { read: 1, write: 1, update: kernel.name === "adamw" ? 2 : 1 };
  return Object.entries(sizes).reduce(
    (sum, [name, size]) => sum + 4 * size * factors[kernel.bindings[name].access],
    0,
  );
}

const [threads, ...names] = Deno.args;
using device = await openCpuDevice({ threads: Number(threads ?? 2), blas: false });
const peak = await multiplyAddPeak(Number(threads ?? 2));
console.log(`${device.description}, Deno ${Deno.version.deno}`);
console.log(`peak of 128-bit multiply-adds: ${peak.toFixed(1)} GFLOP/s`);
for (const trial of trials) {
  if (names.length > 0 && !names.some((name) => trial.title.includes(name))) continue;
  const ms = time(device, trial), work = trial.flops ?? bytesOf(trial);
  const rate = work / ms / 1e6, share = `${(rate / peak * 100).toFixed(0).padStart(4)}%`;
  const speed = `${rate.toFixed(1)} ${trial.flops ? "GFLOP/s" : "GB/s"}`.padStart(16);
  const columns = [`${ms.toFixed(3).padStart(10)} ms`, speed, trial.flops ? share : ""];
  console.log(trial.title.padEnd(62) + columns.join(" "));
}
