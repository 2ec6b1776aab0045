/** AdamW over a flat range of parameters, clipped by a norm that stays on the device. @module */

import { ceilDivide, defineKernel, f32, type Kernel, type Numbers, u32 } from "../kernel.ts";
import code from "./adamw.wgsl" with { type: "text" };
import eightBitCode from "./eight_bit.wgsl" with { type: "text" };

const scalars = {
  size: "u32",
  learningRate: "f32",
  beta1: "f32",
  complement1: "f32",
  beta2: "f32",
  complement2: "f32",
  epsilon: "f32",
  keep: "f32",
  correction1: "f32",
  correction2: "f32",
  maxNorm: "f32",
} as const;

/** A kernel of AdamW's step, with the buffers `B`. */
export type AdamWKernel<B extends string> = Kernel<
  B,
  | "size"
  | "learningRate"
  | "beta1"
  | "complement1"
  | "beta2"
  | "complement2"
  | "epsilon"
  | "keep"
  | "correction1"
  | "correction2"
  | "maxNorm"
>;

/**
 * One decoupled Adam step (Loshchilov and Hutter, algorithm 2, as PyTorch computes it):
 *
 *     g = gradient · (maxNorm > 0 ? min(1, maxNorm / (norm + 1e-6)) : 1)
 *     first = β₁ first + complement₁ g        second = β₂ second + complement₂ g²
 *     parameter = parameter · keep - learningRate · (first / correction1) / (√(second / correction2) + ε)
 *
 * with complementᵢ = 1 - βᵢ, correctionᵢ = 1 - βᵢ^step and keep = 1 - learningRate · weightDecay, all
 * computed on the host in double precision: 1 - 0.999 in F32 has a relative error of 5e-5. Without
 * clipping, `norm` is not read: pass any buffer.
 */
export const adamw: AdamWKernel<"parameter" | "gradient" | "first" | "second" | "norm"> =
  defineKernel({
    name: "adamw",
    bindings: {
      parameter: f32.update,
      gradient: f32.read,
      first: f32.update,
      second: f32.update,
      norm: f32.read,
    },
    scalars,
    elements: ({ size, maxNorm }) => ({
      parameter: size,
      gradient: size,
      first: size,
      second: size,
      norm: maxNorm > 0 ? 1 : 0,
    }),
    wgsl: { code, workgroups: ({ size }) => ceilDivide(size, 1024) },
    cpu: { units: ({ size }) => size, grain: () => 4096 },
    reference({ parameter, gradient, first, second, norm }, s) {
      const clip = s.maxNorm > 0 ? Math.min(1, s.maxNorm / (norm[0] + 1e-6)) : 1;
      for (let i = 0; i < s.size; i++) {
        const g = gradient[i] * clip;
        first[i] = s.beta1 * first[i] + s.complement1 * g;
        second[i] = s.beta2 * second[i] + s.complement2 * g * g;
        const step = first[i] / s.correction1 / (Math.sqrt(second[i] / s.correction2) + s.epsilon);
        parameter[i] = parameter[i] * s.keep - s.learningRate * step;
      }
    },
  });

/** Values of a moment in 8 bits that share a scale. */
export const momentBlock = 256;

/**
 * Offsets of the maps in `maps`: each has 256 values, then the 255 middles between them, and
 * infinity.
 */
const signedMap = 0, unsignedMap = 512;

/**
 * The same step on moments in 8 bits (Dettmers et al. 2022, as bitsandbytes' portable path computes it):
 *
 *     m[i] = map[first[i]] · firstScales[⌊i / 256⌋]         and v likewise; then AdamW; then
 *     firstScales[b] = max |m| of block b                   first[i] = the nearest of the map to m[i] / scale
 *
 * The parameter's step is made with m and v before they are rounded. Four codes are in a word, and what the last
 * word holds beyond `size` is kept. The map of m is signed, that of v is not; a middle of two values belongs to
 * the smaller one. `maps` has both (4, 256): the values of each, and the middles between them with infinity behind.
 */
export const adamwEightBit: AdamWKernel<
  | "parameter"
  | "gradient"
  | "first"
  | "second"
  | "firstScales"
  | "secondScales"
  | "maps"
  | "norm"
> = defineKernel({
  name: "adamw_eight_bit",
  bindings: {
    parameter: f32.update,
    gradient: f32.read,
    first: u32.update,
    second: u32.update,
    firstScales: f32.update,
    secondScales: f32.update,
    maps: f32.read,
    norm: f32.read,
  },
  scalars,
  elements: ({ size, maxNorm }) => ({
    parameter: size,
    gradient: size,
    first: ceilDivide(size, 4),
    second: ceilDivide(size, 4),
    firstScales: ceilDivide(size, momentBlock),
    secondScales: ceilDivide(size, momentBlock),
    maps: size > 0 ? 1024 : 0,
    norm: maxNorm > 0 ? 1 : 0,
  }),
  wgsl: { code: eightBitCode, workgroups: ({ size }) => ceilDivide(size, momentBlock) },
  cpu: { units: ({ size }) => ceilDivide(size, momentBlock), grain: () => 4 },
  reference(buffers, s) {
    const { parameter, gradient, first, second, firstScales, secondScales, maps, norm } = buffers;
    const m = dequantize(first, firstScales, s.size, maps, signedMap);
    const v = dequantize(second, secondScales, s.size, maps, unsignedMap);
    adamw.reference({ parameter, gradient, first: m, second: v, norm }, s);
    quantize(m, first, firstScales, maps, signedMap);
    quantize(v, second, secondScales, maps, unsignedMap);
  },
});

function dequantize(codes: Numbers, scales: Numbers, size: number, maps: Numbers, map: number) {
  return Float64Array.from({ length: size }, (_, i) => {
    const code = (codes[Math.floor(i / 4)] >>> (8 * (i % 4))) & 255;
    return maps[map + code] * scales[Math.floor(i / momentBlock)];
  });
}

/** A block of zeros is divided by the smallest normal number of F32. */
const leastDivisor = 2 ** -126;

function quantize(
  values: Float64Array,
  codes: Numbers,
  scales: Numbers,
  maps: Numbers,
  map: number,
): void {
  for (let begin = 0; begin < values.length; begin += momentBlock) {
    const block = values.subarray(begin, begin + momentBlock);
    const scale = block.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    scales[begin / momentBlock] = scale;
    block.forEach((value, i) => {
      const code = nearest(value / Math.max(scale, leastDivisor), maps, map + 256);
      const word = Math.floor((begin + i) / 4), shift = 8 * (i % 4);
      codes[word] = ((codes[word] & ~(255 << shift)) | (code << shift)) >>> 0;
    });
  }
}

/** The number of middles below x. */
function nearest(x: number, maps: Numbers, middles: number): number {
  let code = 0;
  while (code < 255 && maps[middles + code] < x) code++;
  return code;
}
