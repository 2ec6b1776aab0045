/** Cases of the kernels of weights in 4 bits. @module */

import { dequantizeFourBit, dequantizeScales, matmulFourBit } from "../../../kernels/mod.ts";
import { Random } from "../../../src/core/random.ts";
import { codeValues, dynamicMap } from "../../../src/quant/mod.ts";
import { each, gamma, tiny } from "../error_model.ts";
import type { KernelCase } from "../kernel_case.ts";
import { awkward, normals } from "./values.ts";

/** Words of which every half byte is a code. */
function words(seed: number, length: number): Uint32Array {
  const random = new Random(seed);
  return Uint32Array.from({ length }, () => random.bits());
}

const nf4 = codeValues("nf4"), fp4 = codeValues("fp4");

/** Sizes around vectors of 16 codes, words of 8, and blocks of 32. */
const sizes = [...awkward, 7, 9, 31, 32, 47, 48, 49, 63, 65, 130, 1001];

function scalesCase(count: number): KernelCase {
  const nested = normals(2, Math.ceil(count / 256) + 1);
  return {
    name: `${count} scales`,
    kernel: dequantizeScales,
    buffers: { codes: words(1, Math.ceil(count / 4)), map: dynamicMap(), nested, scales: count },
    scalars: { count },
    // A product and a sum, or both with one rounding.
    bound: ({ nested }, { scales }) => {
      const offset = nested[nested.length - 1];
      return {
        scales: each(
          count,
          (i) => gamma(2) * (Math.abs(scales[i] - offset) + Math.abs(offset)) + tiny,
        ),
      };
    },
  };
}

/** A tensor in 4 bits from one of its values on; a product is rounded once. */
export function dequantizeCase(
  size: number,
  blockSize: number,
  valueOffset = 0,
  values = nf4,
): KernelCase {
  const end = valueOffset + size;
  return {
    name: `${size} values from ${valueOffset} on, blocks of ${blockSize}`,
    kernel: dequantizeFourBit,
    buffers: {
      packed: words(3, Math.ceil(end / 8)),
      values,
      scales: normals(4, Math.ceil(end / blockSize)),
      y: size,
    },
    scalars: { size, valueOffset, blockSize },
    bound: (_, { y }) => ({ y: each(size, (i) => 2 ** -24 * Math.abs(y[i]) + tiny) }),
  };
}

/** x Wᵀ. A term has two roundings, a sum of k + 1 terms k. */
export function matmulFourBitCase(
  [m, n, k]: readonly [m: number, n: number, k: number],
  blockSize: number,
  hasBias: number,
  values = nf4,
): KernelCase {
  return {
    name: `${m} x ${n} x ${k}, blocks of ${blockSize}, bias ${hasBias}`,
    kernel: matmulFourBit,
    buffers: {
      x: normals(5, m * k),
      packed: words(6, Math.ceil(n * k / 8)),
      values,
      scales: normals(7, Math.ceil(n * k / blockSize)),
      bias: hasBias ? normals(8, n) : "x",
      y: m * n,
    },
    scalars: { m, n, k, blockSize, hasBias },
    bound: (before) => {
      const positive = Object.fromEntries(
        ["x", "values", "scales", "bias"].flatMap((name) =>
          before[name] ? [[name, Array.from(before[name] as Float64Array, Math.abs)]] : []
        ),
      );
      const y = new Float64Array(m * n),
        { packed } = before,
        { x, values, scales, bias = x } = positive;
      const buffers = { x, packed, values, scales, bias, y };
      matmulFourBit.reference(buffers, { m, n, k, blockSize, hasBias });
      return { y: each(m * n, (i) => gamma(k + 3) * y[i] + (k + 1) * tiny) };
    },
  };
}

const shapes: readonly (readonly [m: number, n: number, k: number])[] = [
  ...[[1, 1, 1], [1, 17, 33], [2, 5, 64], [3, 16, 15], [4, 33, 8], [5, 3, 17]],
  ...[[1, 9, 2049], [9, 2, 100], [1, 3, 5000], [4, 7, 0]],
] as [number, number, number][];

/** All of them. */
export const fourBitCases: readonly KernelCase[] = [
  ...[...awkward, 255, 256, 257, 1000].map(scalesCase),
  ...sizes.flatMap((size) => [
    dequantizeCase(size, 32),
    dequantizeCase(size, 64, 1, fp4),
    dequantizeCase(size, 32, 31),
    dequantizeCase(size, 4096, 40),
  ]),
  dequantizeCase(40_001, 64),
  ...shapes.flatMap((shape) => [
    matmulFourBitCase(shape, 64, 0),
    matmulFourBitCase(shape, 32, 1, fp4),
  ]),
];
