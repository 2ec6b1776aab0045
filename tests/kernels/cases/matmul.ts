/** Cases of the matrix product. @module */

import { matmul } from "../../../kernels/mod.ts";
import { gamma, magnitudes } from "../error_model.ts";
import type { Bound, KernelCase } from "../kernel_case.ts";
import { normals, target } from "./values.ts";

interface Options {
  readonly transposeA?: number;
  readonly transposeB?: number;
  readonly padding?: number;
  readonly alpha?: number;
  readonly hasBias?: number;
  readonly accumulate?: number;
  /** Terms of a second pair. */
  readonly k2?: number;
  /** Standard deviation of A and B. Default 1. */
  readonly scale?: number;
}

/** |fl(C) - C| <= γ(k + k2 + 3) (|C₀| + |α| (|A| |B| + |A2| |B2|) + |bias|), whatever the order of the sum. */
const bound: Bound = ({ a, b, a2, b2, bias, c }, _, scalars) => {
  const largest = magnitudes(c);
  const pairs = { a: magnitudes(a), b: magnitudes(b), a2: magnitudes(a2), b2: magnitudes(b2) };
  const absolute = { ...pairs, bias: magnitudes(bias), c: largest };
  matmul.reference(absolute, { ...scalars, alpha: Math.abs(scalars.alpha) } as never);
  const error = largest.map((value) => gamma(scalars.k + scalars.k2 + 3) * value);
  return { c: error };
};

/** One of the product. */
export function matmulCase(m: number, n: number, k: number, options: Options = {}): KernelCase {
  const { transposeA = 0, transposeB = 0, padding = 0, hasBias = 0, accumulate = 0, k2 = 0 } =
    options;
  const { scale = 1 } = options;
  const [aRows, aWidth] = transposeA ? [k, m] : [m, k];
  const [bRows, bWidth] = transposeB ? [n, k] : [k, n];
  const [a2Rows, a2Width] = transposeA ? [k2, m] : [m, k2];
  const [b2Rows, b2Width] = transposeB ? [n, k2] : [k2, n];
  const aStride = aWidth + padding, bStride = bWidth + 2 * padding, cStride = n + 3 * padding;
  const a2Stride = a2Width + 2 * padding, b2Stride = b2Width + padding;
  return {
    name: `${m}x${n}x${k} ${JSON.stringify(options)}`,
    kernel: matmul,
    buffers: {
      a: normals(m, padding + aRows * aStride, scale),
      b: normals(n, 2 * padding + bRows * bStride, scale),
      a2: k2 ? normals(m + 1, 3 * padding + a2Rows * a2Stride) : "a",
      b2: k2 ? normals(n + 1, padding + b2Rows * b2Stride) : "a",
      bias: hasBias ? normals(k, n) : "a",
      c: target(7, padding + m * cStride, accumulate),
    },
    scalars: {
      ...{ m, n, k, transposeA, transposeB, hasBias, accumulate, aStride, bStride, cStride },
      ...{ k2, a2Stride, b2Stride, a2Offset: 3 * padding, b2Offset: padding },
      aOffset: padding,
      bOffset: 2 * padding,
      cOffset: padding,
      alpha: Math.fround(options.alpha ?? 1),
    },
    bound: (before, after, s) =>
      bound({ a2: before.a, b2: before.a, bias: before.a, ...before }, after, s),
  };
}

/** x Wᵀ and dyᵀ x. */
const forward: Options = { transposeB: 1 }, ofWeight: Options = { transposeA: 1 };

/**
 * A sample that takes each branch of each device's program and few of WebGPU's many programs, as each takes a
 * second to compile: a tile's lanes are divided in each of the six ways with vectors that are aligned, and in
 * one way with others. Both pairs, both transposes apart, ends within vectors, tiles and blocks, and cuts
 * between threads.
 */
export const matmulCases: readonly KernelCase[] = [
  // Narrow: a second pair that is not aligned as the first is; each is enough for BLAS. No first terms.
  matmulCase(150, 8, 36, { k2: 33, padding: 4, hasBias: 1, accumulate: 1, alpha: -0.3 }),
  matmulCase(7, 8, 0, { k2: 9, hasBias: 1 }),
  // Aligned: one row; few; and the other divisions of a tile, of C in vectors of four and not.
  matmulCase(1, 35, 36, forward),
  matmulCase(4, 35, 20, { ...forward, hasBias: 1, accumulate: 1 }),
  matmulCase(3, 12, 36, { ...forward, accumulate: 1, alpha: 2.5 }),
  matmulCase(19, 15, 8, { ...forward, accumulate: 1, hasBias: 1 }),
  matmulCase(13, 36, 12, { ...forward, hasBias: 1, padding: 4 }),
  // One block of columns and a rest, in one thread and, of few rows, in two.
  matmulCase(5, 530, 12, { ...forward, hasBias: 1 }),
  matmulCase(4, 530, 68, { ...forward, alpha: 0.5 }),
  // Not aligned, of several tiles: cut by columns, by rows, and longer than a block of terms.
  matmulCase(20, 530, 33, { ...forward, hasBias: 1, padding: 1 }),
  matmulCase(260, 20, 33, { ...ofWeight, hasBias: 1, padding: 3 }),
  matmulCase(70, 35, 261, { ...ofWeight, accumulate: 1, alpha: 0.5 }),
  matmulCase(35, 70, 5, { ...ofWeight, hasBias: 1, accumulate: 1, alpha: 2.5, padding: 5 }),
  // No terms: only the bias is written, or added.
  matmulCase(33, 70, 0, { ...forward, hasBias: 1, padding: 1 }),
  matmulCase(33, 70, 0, { ...ofWeight, hasBias: 1, accumulate: 1 }),
];

/**
 * Sums of 16 to 6,144 terms, and values of 1e5, which exceed F16: on some drivers reductions of subgroups are wrong
 * from 256 terms on, and tiles are kept in F16.
 */
export const longSums: readonly KernelCase[] = [
  ...[16, 256, 1024, 6144].map((k) => matmulCase(4, 36, k, forward)),
  ...[1, 4].map((m) => matmulCase(m, 36, 1024, { ...forward, scale: 1e5 })),
];

const layouts = [0, 1].flatMap((transposeA) =>
  [0, 1].map((transposeB) => ({ transposeA, transposeB }))
);

const variants: readonly Options[] = [
  {},
  { accumulate: 1 },
  { hasBias: 1 },
  { alpha: -0.3, padding: 3 },
  { alpha: 2.5, padding: 5, hasBias: 1, accumulate: 1 },
];

const shapes: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [1, 17, 33],
  [2, 64, 5],
  [3, 3, 300],
  [5, 8, 16],
  [6, 8, 4],
  [7, 9, 5],
  [15, 16, 17],
  [16, 15, 64],
  [17, 33, 15],
  [33, 1, 64],
  [33, 64, 1],
  [64, 8, 33],
  [8, 64, 70],
];

/** Larger than one block of any kernel in one direction each, and the thin products of adapters. */
const large: readonly (readonly [number, number, number])[] = [
  [1, 700, 260],
  [4, 530, 515],
  [130, 70, 530],
  [200, 8, 300],
  [203, 1030, 8],
  [8, 140, 600],
  [50, 1100, 20],
  [301, 150, 260],
  [150, 301, 260],
  [97, 530, 300],
];

/** Of extents and strides that are multiples of four, which allows to load four elements at once. */
const fours: readonly (readonly [number, number, number])[] = [
  [36, 68, 44],
  [20, 12, 40],
  [8, 12, 36],
  [132, 8, 64],
];

/** Terms of a second pair, around a vector's four and an adapter's usual eight. */
const secondTerms: readonly number[] = [1, 3, 4, 8, 9];

/** Products with a second pair: of few rows, of several tiles, and without first terms. */
const secondPairs: readonly KernelCase[] = secondTerms.flatMap((k2) => [
  matmulCase(1, 1, 1, { transposeB: 1, k2 }),
  matmulCase(3, 70, 33, { transposeB: 1, k2, hasBias: 1, padding: 1 }),
  matmulCase(19, 35, 0, { transposeB: 1, k2, hasBias: 1 }),
  ...layouts.flatMap((layout) => [
    matmulCase(33, 17, 15, { ...layout, k2, alpha: -0.3, padding: 3 }),
    matmulCase(36, 68, 44, { ...layout, k2, hasBias: 1, accumulate: 1, padding: 4 }),
    matmulCase(70, 40, 300, { ...layout, k2, accumulate: 1, alpha: 2.5 }),
  ]),
]);

/** Every shape in every layout, which compiles most of WebGPU's programs: too long for every run. */
export const matmulSweep: readonly KernelCase[] = [
  ...secondPairs,
  matmulCase(40, 70, 5, { k2: 300, transposeB: 1, alpha: 0.5, hasBias: 1 }),
  ...shapes.flatMap(([m, n, k]) =>
    layouts.flatMap((layout) => variants.map((v) => matmulCase(m, n, k, { ...layout, ...v })))
  ),
  ...large.flatMap(([m, n, k]) =>
    layouts.flatMap((layout) => [
      matmulCase(m, n, k, { ...layout, hasBias: 1 }),
      matmulCase(m, n, k, { ...layout, accumulate: 1, alpha: 0.5, padding: 1 }),
    ])
  ),
  // No terms: only the bias is written, or added.
  matmulCase(33, 70, 0, { hasBias: 1, padding: 1 }),
  matmulCase(33, 70, 0, { hasBias: 1, accumulate: 1, transposeA: 1, transposeB: 1 }),
  ...fours.flatMap(([m, n, k]) =>
    layouts.flatMap((layout) => [
      matmulCase(m, n, k, { ...layout, hasBias: 1 }),
      matmulCase(m, n, k, { ...layout, accumulate: 1, alpha: 0.5, padding: 4 }),
    ])
  ),
];
