/** NaN, infinities and huge values: a failure has to be seen, not smoothed over. */

import { assert } from "@std/assert";
import * as kernels from "../../kernels/mod.ts";
import { onePair } from "../../kernels/matmul/kernel.ts";
import type { Kernel } from "../../kernels/kernel.ts";
import type { Device } from "../../src/device/device.ts";
import { Scope } from "../../src/device/arena.ts";
import { type Check, testOn } from "../support/devices.ts";
import { hasVariant, kernelDevices, ownCpu, tunedDevices, withoutVariants } from "./devices.ts";

/** A launch whose output is compared with the reference's, by kind only: finite or not. */
interface NonFiniteCheck {
  readonly name: string;
  readonly kernel: Kernel;
  readonly buffers: Readonly<Record<string, readonly number[]>>;
  readonly scalars: Readonly<Record<string, number>>;
  /** The bindings to compare. */
  readonly outputs: readonly string[];
}

const bad = [NaN, Infinity, -Infinity];
const huge = [3e38, -3e38, 1e20, -1e20, 40, -40, 0];
const gelu = (exact: number, x: readonly number[]): NonFiniteCheck[] => [
  {
    name: `gelu_forward of ${x}, exact ${exact}`,
    kernel: kernels.geluForward,
    buffers: { x, y: x.map(() => 0) },
    scalars: { size: x.length, exact },
    outputs: ["y"],
  },
  {
    name: `gelu_backward of ${x}, exact ${exact}`,
    kernel: kernels.geluBackward,
    buffers: { x, dy: x.map(() => 1), dx: x.map(() => 0) },
    scalars: { size: x.length, exact, accumulate: 0 },
    outputs: ["dx"],
  },
];

/** Of x to y, element by element. */
const elementwise = (kernel: Kernel, x: readonly number[]): NonFiniteCheck => ({
  name: `${kernel.name} of ${x}`,
  kernel,
  buffers: { x, y: x.map(() => 0) },
  scalars: { size: x.length },
  outputs: ["y"],
});

const siluBackward = (x: readonly number[]): NonFiniteCheck => ({
  name: `silu_backward of ${x}`,
  kernel: kernels.siluBackward,
  buffers: { x, dy: x.map(() => 1), dx: x.map(() => 0) },
  scalars: { size: x.length, accumulate: 0 },
  outputs: ["dx"],
});

const adam = (gradient: number, norm: number): NonFiniteCheck => ({
  name: `adamw with gradient ${gradient} and norm ${norm}`,
  kernel: kernels.adamw,
  buffers: { parameter: [1], gradient: [gradient], first: [0], second: [0], norm: [norm] },
  scalars: {
    ...{ size: 1, learningRate: 0.1, beta1: 0.9, complement1: 0.1, beta2: 0.999 },
    ...{ complement2: 0.001, epsilon: 1e-8, keep: 1, correction1: 0.1, correction2: 0.001 },
    maxNorm: 1,
  },
  outputs: ["parameter"],
});

const crossEntropy = (logits: readonly number[]): NonFiniteCheck => ({
  name: `cross_entropy_forward of ${logits}`,
  kernel: kernels.crossEntropyForward,
  buffers: { logits, labels: [1], losses: [0], logSumExp: [0] },
  scalars: { rows: 1, vocabulary: logits.length, smoothing: 0, scale: 1 },
  outputs: ["losses", "logSumExp"],
});

/** Against an even teacher. */
const divergence = (logits: readonly number[]): NonFiniteCheck => ({
  name: `kl_divergence_forward of ${logits}`,
  kernel: kernels.klDivergenceForward,
  buffers: {
    ...{ logits, teacher: logits.map(() => 1) },
    ...{ losses: [0], logSumExp: [0], teacherLogSumExp: [0] },
  },
  scalars: { rows: 1, vocabulary: logits.length, scale: 1 },
  outputs: ["losses", "logSumExp"],
});

/** Two queries on a fused buffer of rows [q, k, v]. */
const attention = (q: number, v: number): NonFiniteCheck => ({
  name: `attention_forward with q ${q} and v ${v}`,
  kernel: kernels.attentionForward,
  buffers: {
    ...{ q: [q, 1, v, 1, 1, 1], k: [], v: [], mask: [1], starts: [0] },
    ...{ out: [0, 0], logSumExp: [0, 0] },
  },
  scalars: {
    ...{ batch: 1, heads: 1, kvHeads: 1, headWidth: 1, queries: 2, keys: 2, past: 0, qStride: 3 },
    ...{
      qOffset: 0,
      kStride: 3,
      kOffset: 1,
      vStride: 3,
      vOffset: 2,
      kvRows: 2,
      scale: 1,
      causal: 0,
    },
    hasMask: 0,
    packedRows: 0,
  },
  outputs: ["out"],
});

const layerNorm = (x: readonly number[]): NonFiniteCheck => ({
  name: `layer_norm_forward of ${x}`,
  kernel: kernels.layerNormForward,
  buffers: {
    ...{ x, weight: x.map(() => 1), bias: x.map(() => 0), y: x.map(() => 0) },
    ...{ mean: [0], inverseDeviation: [0] },
  },
  scalars: { rows: 1, width: x.length, epsilon: 1e-5 },
  outputs: ["y"],
});

const rmsNorm = (x: readonly number[]): NonFiniteCheck => ({
  name: `rms_norm_forward of ${x}`,
  kernel: kernels.rmsNormForward,
  buffers: { x, weight: x.map(() => 1), y: x.map(() => 0), inverseRoot: [0] },
  scalars: { rows: 1, width: x.length, epsilon: 1e-5 },
  outputs: ["y"],
});

const swiglu = (gate: readonly number[]): NonFiniteCheck[] => {
  const ones = gate.map(() => 1), zeros = gate.map(() => 0), size = gate.length;
  return [
    {
      name: `swiglu_forward of ${gate}`,
      kernel: kernels.swigluForward,
      buffers: { gate, up: ones, out: zeros },
      scalars: { size },
      outputs: ["out"],
    },
    {
      name: `swiglu_backward of ${gate}`,
      kernel: kernels.swigluBackward,
      buffers: { gate, up: ones, dOut: ones, dGate: zeros, dUp: zeros },
      scalars: { size, accumulateGate: 0, accumulateUp: 0 },
      outputs: ["dGate", "dUp"],
    },
  ];
};

const sums = (kernel: Kernel, x: readonly number[]): NonFiniteCheck => ({
  name: `${kernel.name} of ${x}`,
  kernel,
  buffers: { x, y: [0], partials: [0] },
  scalars: { size: x.length, partialOffset: 0 },
  outputs: ["partials" in kernel.bindings ? "partials" : "y"],
});

/** Products of 2 x 3 by 3 x 2 matrices with rows of four: the gaps hold NaN, which must not matter. */
const product = (value: number, transposeA: number, transposeB: number): NonFiniteCheck => {
  const two = [1, 1, NaN, NaN], three = [1, 1, 1, NaN];
  const b = transposeB ? [...three, ...three] : [...two, ...two, ...two];
  const a = transposeA ? [...two, ...two, ...two] : [...three, ...three];
  return {
    name: `matmul of ${value}, transposed ${transposeA} ${transposeB}`,
    kernel: kernels.matmul,
    buffers: { a: a.with(0, value), b, a2: [0], b2: [0], bias: [0], c: [NaN, NaN, NaN, NaN] },
    scalars: {
      ...{ m: 2, n: 2, k: 3, transposeA, transposeB, aOffset: 0, aStride: 4, bOffset: 0 },
      ...{ bStride: 4, cOffset: 0, cStride: 2, alpha: 1, hasBias: 0, accumulate: 0 },
      ...onePair,
    },
    outputs: ["c"],
  };
};

/** All of them. */
const nonFiniteChecks: readonly NonFiniteCheck[] = [
  ...[0, 1].flatMap((exact) => [...gelu(exact, bad), ...gelu(exact, huge)]),
  ...swiglu(bad),
  ...swiglu(huge),
  ...[kernels.reluForward, kernels.siluForward, kernels.tanhForward]
    .map((kernel) => elementwise(kernel, [...bad, ...huge])),
  siluBackward([...bad, ...huge]),
  ...bad.flatMap((value) => [
    adam(value, 1),
    adam(1, value),
    attention(value, 1),
    attention(1, value),
    layerNorm([0, value, 1, 2]),
    rmsNorm([0, value, 1, 2]),
    sums(kernels.sum, [1, value, 2]),
    sums(kernels.sumSquares, [1, value, 2]),
    sums(kernels.rootSum, [1, value, 2]),
  ]),
  // Minus infinity is a logit that masks; what it does to 0 · mean is no promise.
  ...[NaN, Infinity].flatMap((value) => [
    crossEntropy([0, value, 1]),
    crossEntropy([value, 0, 1]),
    divergence([value, 0, 1]),
  ]),
  ...[1, ...bad].flatMap((value) => [
    product(value, 0, 1),
    product(value, 1, 0),
  ]),
  crossEntropy([3e38, 0, -3e38]),
  crossEntropy([100, -100, 0]),
  adam(1e20, 1e20),
];

/** Fails unless the device's outputs are finite exactly where the reference's are. */
async function runNonFiniteCheck(device: Device, check: NonFiniteCheck): Promise<void> {
  using scope = new Scope(device);
  const { kernel, buffers, scalars, outputs } = check;
  const fused = buffers.k?.length === 0;
  const sourceOf = (name: string) => fused && (name === "k" || name === "v") ? "q" : name;
  const names = Object.keys(kernel.bindings);
  const arrays = Object.fromEntries(names.map((name) => [name, Float64Array.from(buffers[name])]));
  const tensors = Object.fromEntries(
    names.filter((name) => sourceOf(name) === name).map((name) => {
      const { type } = kernel.bindings[name];
      const tensor = scope.allocate([buffers[name].length], type, "scratch", name);
      device.write(
        tensor,
        type === "i32" ? Int32Array.from(arrays[name]) : Float32Array.from(arrays[name]),
      );
      return [name, tensor];
    }),
  );
  const bind = <T>(of: Record<string, T>) =>
    Object.fromEntries(names.map((name) => [name, of[sourceOf(name)]]));
  kernel.reference(bind(arrays), scalars);
  device.launch(kernel, bind(tensors), scalars);
  const results = await device.read(...outputs.map((name) => tensors[name]));
  outputs.forEach((name, o) =>
    compareKinds(`${check.name}: ${name}`, results[o].data, arrays[name])
  );
}

function compareKinds(what: string, actual: ArrayLike<number>, expected: Float64Array): void {
  expected.forEach((value, i) => {
    const same = Number.isFinite(actual[i]) === Number.isFinite(Math.fround(value));
    assert(same, `${what}: at [${i}] actual ${actual[i]}, expected ${value}`);
  });
}

/** One test of all of them. */
const checkOf = (some: readonly NonFiniteCheck[]): Check => ({
  name: "what is not finite stays so, and huge values do no harm",
  run: async (device) => {
    for (const check of some) await runNonFiniteCheck(device, check);
  },
});

// On the CPU x² overflows from 2e19 on, which no activation reaches.
const overflows = /^gelu_backward of 3e\+38.*exact 0/;

const others = kernelDevices.filter((device) => device !== ownCpu);
await testOn(others, [checkOf(nonFiniteChecks)]);
await testOn([ownCpu], [checkOf(nonFiniteChecks.filter(({ name }) => !overflows.test(name)))]);
await testOn([withoutVariants], [
  checkOf(nonFiniteChecks.filter(({ kernel }) => hasVariant(kernel))),
]);
await testOn(tunedDevices, [
  checkOf(nonFiniteChecks.filter(({ kernel }) => kernel === kernels.matmul)),
]);
