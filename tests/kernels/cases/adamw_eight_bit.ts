/** Cases of the optimizer's step on moments in 8 bits. @module */

import { adamwEightBit } from "../../../kernels/mod.ts";
import { Random } from "../../../src/core/random.ts";
import { dynamicMap } from "../../../src/quant/mod.ts";
import { roundingTo } from "../../../src/quant/quantize.ts";
import { each, gamma, tiny, u } from "../error_model.ts";
import type { Bound, Buffers, KernelCase, Values } from "../kernel_case.ts";
import { normals } from "./values.ts";

const block = 256;

/** Both maps with the middles between their values. */
export const maps = Float32Array.from(
  [dynamicMap(), dynamicMap(false)].flatMap((map) => [...map, ...roundingTo(map).bounds, Infinity]),
);

/** A moment before it is rounded, with the error that each value may have, and where its map begins. */
interface Moment {
  readonly values: Float64Array;
  readonly errors: Float64Array;
  readonly map: number;
}

/** Both moments. A code's value has one rounding; the rest is as in the step on moments in F32. */
function momentsOf(buffers: Buffers, s: Values): { m: Moment; v: Moment } {
  const { first, second, firstScales, secondScales, gradient } = buffers;
  const { norm = gradient } = buffers;
  const clip = s.maxNorm > 0 ? Math.min(1, s.maxNorm / (norm[0] + 1e-6)) : 1;
  const before = (codes: ArrayLike<number>, scales: ArrayLike<number>, map: number, i: number) =>
    maps[map + ((codes[i >> 2] >>> (8 * (i & 3))) & 255)] * scales[i >> 8];
  const m = each(
    s.size,
    (i) => s.beta1 * before(first, firstScales, 0, i) + s.complement1 * gradient[i] * clip,
  );
  const v = each(
    s.size,
    (i) =>
      s.beta2 * before(second, secondScales, 512, i) + s.complement2 * (gradient[i] * clip) ** 2,
  );
  const firstErrors = each(
    s.size,
    (i) =>
      gamma(12) * (Math.abs(s.beta1 * before(first, firstScales, 0, i)) +
        Math.abs(s.complement1 * gradient[i] * clip)),
  );
  return {
    m: { values: m, errors: firstErrors, map: 0 },
    v: { values: v, errors: v.map((value) => gamma(21) * value), map: 512 },
  };
}

/** The largest number of each block. */
const largestOf = (values: Float64Array): Float64Array =>
  each(
    Math.ceil(values.length / block),
    (b) =>
      values.subarray(b * block, (b + 1) * block).reduce((a, x) => Math.max(a, Math.abs(x)), 0),
  );

/** The values that roundings may move over a middle of their map: a quotient has 6 more of them. */
function undecided({ values, errors, map }: Moment): number[] {
  const scales = largestOf(values), scaleErrors = largestOf(errors);
  const middles = maps.subarray(map + 256, map + 511);
  return [...values.keys()].filter((i) => {
    const scale = scales[i >> 8], x = values[i] / scale;
    const error = (errors[i] + Math.abs(x) * scaleErrors[i >> 8]) / scale + gamma(6) * Math.abs(x);
    return middles.some((middle) => Math.abs(x - middle) <= 2 * error);
  });
}

/** Draws gradients anew where roundings could decide a code, so that all devices must find the same ones. */
function decide(buffers: Buffers & { readonly gradient: Float32Array }, s: Values): void {
  const random = new Random(9);
  for (;;) {
    const { m, v } = momentsOf(buffers, s), open = new Set([...undecided(m), ...undecided(v)]);
    if (open.size === 0) return;
    for (const i of open) buffers.gradient[i] = random.normal();
  }
}

const bound: Bound = (before, _, s) => {
  const { m, v } = momentsOf(before, s);
  const stepOf = (moment: number, i: number) =>
    s.learningRate * Math.abs(moment) / s.correction1 /
    (Math.sqrt(v.values[i] / s.correction2) + s.epsilon);
  return {
    firstScales: largestOf(m.errors),
    secondScales: largestOf(v.errors),
    parameter: each(
      s.size,
      (i) =>
        gamma(2) * Math.abs(before.parameter[i] * s.keep) + stepOf(m.errors[i], i) +
        (gamma(11) + 16 * u) * stepOf(m.values[i], i) + tiny,
    ),
  };
};

function eightBitCase(size: number, step: number, maxNorm: number, decay: number): KernelCase {
  const f = Math.fround, learningRate = f(3e-3), beta1 = 0.9, beta2 = 0.999, random = new Random(5);
  const codes = () =>
    Uint32Array.from({ length: Math.ceil(size / 4) }, () => step > 1 ? random.bits() : 0);
  const blocks = Math.ceil(size / block), scale = step > 1 ? 0.1 : 0;
  const scalars = {
    size,
    learningRate,
    beta1: f(beta1),
    complement1: f(1 - beta1),
    beta2: f(beta2),
    complement2: f(1 - beta2),
    epsilon: f(1e-8),
    keep: f(1 - learningRate * decay),
    correction1: f(1 - beta1 ** step),
    correction2: f(1 - beta2 ** step),
    maxNorm: f(maxNorm),
  };
  const values = {
    parameter: normals(1, size),
    gradient: normals(2, size),
    first: codes(),
    second: codes(),
    firstScales: normals(3, blocks, scale).map(Math.abs),
    secondScales: normals(4, blocks, scale).map((x) => x * x),
    maps,
  };
  const norm: Record<string, Float32Array> = maxNorm > 0 ? { norm: Float32Array.of(2) } : {};
  decide({ ...values, ...norm }, scalars);
  return {
    name: `${size}, step ${step}, maxNorm ${maxNorm}, weightDecay ${decay}`,
    kernel: adamwEightBit,
    buffers: { norm: "gradient", ...values, ...norm },
    scalars,
    bound,
  };
}

/** Gradients and moments of zero: the code of zero is that of the first map's middle, and the second's first. */
function zerosCase(size: number): KernelCase {
  const { name, ...trial } = eightBitCase(size, 1, 0, 0.1);
  const gradient = new Float32Array(size);
  return { name: `zeros, ${name}`, ...trial, buffers: { ...trial.buffers, gradient } };
}

/** Moments on both sides of every middle of a map, a few roundings from it, in blocks whose scale is 1. */
function middlesCase(isSigned: boolean): KernelCase {
  const middles = maps.subarray(isSigned ? 256 : 768, isSigned ? 511 : 1023);
  const beside = [1 - 2 ** -18, 1 + 2 ** -18].flatMap((
    side,
  ) => [...middles.map((x) => x * side), 1]);
  const { buffers, scalars, ...trial } = eightBitCase(512, 1, 0, 0);
  const one = { beta1: 0, complement1: Number(isSigned), beta2: 0, complement2: Number(!isSigned) };
  return {
    ...trial,
    name: `beside the middles of the ${isSigned ? "signed" : "unsigned"} map`,
    buffers: {
      ...buffers,
      gradient: Float32Array.from(beside, (x) => isSigned ? x : Math.sqrt(x)),
    },
    scalars: { ...scalars, ...one, learningRate: 0 },
  };
}

/** All of them. */
export const eightBitAdamwCases: readonly KernelCase[] = [
  ...[1, 3, 4, 5, 255, 256, 257, 511, 1000, 2600].flatMap((size) => [
    eightBitCase(size, 1, 0, 0),
    eightBitCase(size, 7, 0.5, 0.1),
    eightBitCase(size, 1000, 100, 0.01),
  ]),
  zerosCase(300),
  middlesCase(true),
  middlesCase(false),
];
