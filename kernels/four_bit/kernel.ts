/** Weights in 4 bits: to F32, and products that read them as they are. @module */

import { ceilDivide, defineKernel, f32, type Kernel, type Numbers, u32 } from "../kernel.ts";
import scalesCode from "./scales.wgsl" with { type: "text" };
import dequantizeCode from "./dequantize.wgsl" with { type: "text" };
import matmulCode from "./matmul.wgsl" with { type: "text" };

/** Scales in one block of double quantization. */
const scalesPerBlock = 256;

/** The i-th code of 8 in a word: two a byte, the first in the high half. */
const codeAt = (packed: Numbers, i: number): number =>
  (packed[Math.floor(i / 8)] >>> (4 * ((i % 8) ^ 1))) & 15;

/**
 * scales[i] = map[codes[i]] · nested[⌊i / 256⌋] + nested[⌈count / 256⌉] for i < count: the scales of blocks
 * from their 8 bits (double quantization). Four codes are in a word; the offset is the last value of `nested`.
 */
export const dequantizeScales: Kernel<"codes" | "map" | "nested" | "scales", "count"> =
  defineKernel({
    name: "dequantize_scales",
    bindings: { codes: u32.read, map: f32.read, nested: f32.read, scales: f32.write },
    scalars: { count: "u32" },
    elements: ({ count }) => ({
      codes: ceilDivide(count, 4),
      map: count > 0 ? 256 : 0,
      nested: count > 0 ? ceilDivide(count, scalesPerBlock) + 1 : 0,
      scales: count,
    }),
    wgsl: { code: scalesCode, workgroups: ({ count }) => ceilDivide(count, 1024) },
    cpu: { units: ({ count }) => count, grain: () => 8192 },
    reference({ codes, map, nested, scales }, { count }) {
      const offset = ceilDivide(count, scalesPerBlock);
      for (let i = 0; i < count; i++) {
        const code = (codes[i >> 2] >>> (8 * (i & 3))) & 255;
        scales[i] = map[code] * nested[i >> 8] + nested[offset];
      }
    },
  });

/**
 * y[i] = values[code of the value v] · scales[⌊v / blockSize⌋], v = valueOffset + i, for i < size: a tensor in
 * 4 bits, or a part of it, in F32. Eight codes are in a word; `values` has the 16 values of the codes, and
 * blockSize is a multiple of 8.
 */
export const dequantizeFourBit: Kernel<
  "packed" | "values" | "scales" | "y",
  "size" | "valueOffset" | "blockSize"
> = defineKernel({
  name: "dequantize_four_bit",
  bindings: { packed: u32.read, values: f32.read, scales: f32.read, y: f32.write },
  scalars: { size: "u32", valueOffset: "u32", blockSize: "u32" },
  elements: ({ size, valueOffset, blockSize }) => ({
    ...partsOf(size > 0 ? valueOffset + size : 0, blockSize),
    y: size,
  }),
  wgsl: {
    code: dequantizeCode,
    workgroups: ({ size, valueOffset }) => ceilDivide(valueOffset % 8 + size, 8 * 256),
  },
  cpu: { units: ({ size }) => size, grain: () => 16384 },
  reference({ packed, values, scales, y }, { size, valueOffset, blockSize }) {
    for (let i = 0; i < size; i++) {
      const v = valueOffset + i;
      y[i] = values[codeAt(packed, v)] * scales[Math.floor(v / blockSize)];
    }
  },
});

/**
 * y[i, j] = Σ_p x[i, p] · W[j, p] + (hasBias ? bias[j] : 0) for i < m, j < n, p < k, with W (n, k) in 4 bits
 * as {@link dequantizeFourBit} reads it. For few rows: each reads W again on `webgpu`, four at a time.
 */
export const matmulFourBit: Kernel<
  "x" | "packed" | "values" | "scales" | "bias" | "y",
  "m" | "n" | "k" | "blockSize" | "hasBias"
> = defineKernel({
  name: "matmul_four_bit",
  bindings: {
    x: f32.read,
    packed: u32.read,
    values: f32.read,
    scales: f32.read,
    bias: f32.read,
    y: f32.write,
  },
  scalars: { m: "u32", n: "u32", k: "u32", blockSize: "u32", hasBias: "u32" },
  elements: ({ m, n, k, blockSize, hasBias }) => ({
    x: m * k,
    ...partsOf(m > 0 ? n * k : 0, blockSize),
    bias: hasBias ? n : 0,
    y: m * n,
  }),
  flops: ({ m, n, k }) => 2 * m * n * k,
  wgsl: { code: matmulCode, workgroups: ({ m, n }) => ceilDivide(n, 8) * ceilDivide(m, 4) },
  cpu: { units: ({ n }) => n, grain: ({ m, k }) => ceilDivide(65536, (m + 1) * k + 1) },
  reference({ x, packed, values, scales, bias, y }, { m, n, k, blockSize, hasBias }) {
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = hasBias ? bias[j] : 0;
        for (let p = 0; p < k; p++) {
          const v = j * k + p;
          sum += x[i * k + p] * values[codeAt(packed, v)] * scales[Math.floor(v / blockSize)];
        }
        y[i * n + j] = sum;
      }
    }
  },
});

/** Elements of the parts of so many values in 4 bits. */
const partsOf = (size: number, blockSize: number) => ({
  packed: ceilDivide(size, 8),
  values: size > 0 ? 16 : 0,
  scales: size > 0 ? ceilDivide(size, blockSize) : 0,
});
