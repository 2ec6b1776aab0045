/** Cases of the products with B in 16 bits. @module */

import { matmulBf16, matmulF16 } from "../../../kernels/mod.ts";
import {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
} from "../../../src/core/float_types.ts";
import type { KernelCase } from "../kernel_case.ts";
import { matmulCase } from "./matmul.ts";

/** The storages, with both ways between them and F32. */
export const storages = [
  { kernel: matmulF16, round: float32ToFloat16, widen: float16ToFloat32 },
  { kernel: matmulBf16, round: float32ToBfloat16, widen: bfloat16ToFloat32 },
] as const;

/** The same case with B rounded to 16 bits; its bound is that of the values which B then has. */
export function withHalfB(
  trial: KernelCase,
  { kernel, round, widen }: (typeof storages)[number],
): KernelCase {
  const b = round(trial.buffers.b as Float32Array);
  return {
    ...trial,
    kernel,
    buffers: { ...trial.buffers, b },
    bound: (before, after, scalars) => {
      const values = Float64Array.from(widen(Uint16Array.from(before.b as Uint16Array)));
      return trial.bound({ ...before, b: values }, after, scalars);
    },
  };
}

/** A case whose B has other values. */
function withB(trial: KernelCase, valueOf: (value: number, at: number) => number): KernelCase {
  const b = (trial.buffers.b as Float32Array).map(valueOf);
  return { ...trial, name: `${trial.name}, other B`, buffers: { ...trial.buffers, b } };
}

/** 1e-5 is subnormal in F16; a value that is no number, or infinite, stays one. */
const subnormal = (value: number): number => 1e-5 * value;
const nonFinite = (_: number, at: number): number => [Infinity, -Infinity, NaN, -0][at % 4];

/** In both storages. */
const stored = (cases: readonly KernelCase[]): KernelCase[] =>
  storages.flatMap((storage) => cases.map((trial) => withHalfB(trial, storage)));

/** Products with a frozen weight, in three of WebGPU's programs: see {@link matmulCases}. */
export const matmulHalfCases: readonly KernelCase[] = stored([
  // Odd rows of B, whose terms end within a vector, and a second pair that is aligned.
  matmulCase(3, 7, 33, { transposeB: 1, k2: 8, padding: 4, hasBias: 1 }),
  withB(matmulCase(6, 7, 33, { transposeB: 1, k2: 8, padding: 4 }), subnormal),
  withB(matmulCase(6, 4, 1, { transposeB: 1, k2: 8, padding: 4 }), nonFinite),
  // One row; several tiles; more than one block of terms and of columns.
  matmulCase(1, 35, 36, { transposeB: 1, hasBias: 1 }),
  withB(matmulCase(1, 35, 36, { transposeB: 1 }), subnormal),
  matmulCase(1, 532, 260, { transposeB: 0, accumulate: 1 }),
  matmulCase(36, 70, 44, { transposeB: 1, hasBias: 1 }),
  matmulCase(36, 68, 44, { transposeB: 0, accumulate: 1, alpha: 0.5, padding: 4 }),
  withB(matmulCase(36, 68, 44, { transposeB: 0 }), subnormal),
]);

/** Those of a frozen weight: x Wᵀ and dy W. */
const layouts = [{ transposeB: 1 }, { transposeB: 0 }];

/** Few rows, odd and even rows of B, more than one block in each direction. */
const shapes: readonly (readonly [number, number, number])[] = [
  [1, 17, 33],
  [1, 700, 260],
  [4, 530, 515],
  [7, 9, 5],
  [17, 33, 15],
  [36, 68, 44],
  [64, 8, 33],
  [130, 70, 530],
];

const ordinary: readonly KernelCase[] = shapes.flatMap(([m, n, k]) =>
  layouts.flatMap((layout) => [
    matmulCase(m, n, k, { ...layout, hasBias: 1 }),
    matmulCase(m, n, k, { ...layout, accumulate: 1, alpha: 0.5, padding: 3 }),
    matmulCase(m, n, k, { ...layout, padding: 4, k2: 8 }),
  ])
);

const special: readonly KernelCase[] = layouts.flatMap((layout) => [
  withB(matmulCase(6, 20, 36, layout), subnormal),
  withB(matmulCase(7, 9, 5, layout), subnormal),
  withB(matmulCase(6, 4, 1, layout), nonFinite),
]);

/** Every shape in both layouts, and what no frozen weight needs. */
export const matmulHalfSweep: readonly KernelCase[] = stored([
  ...ordinary,
  ...special,
  matmulCase(19, 35, 0, { transposeB: 1, hasBias: 1 }),
  matmulCase(36, 68, 44, { transposeA: 1, hasBias: 1 }),
  matmulCase(17, 33, 15, { transposeA: 1, transposeB: 1, accumulate: 1, padding: 3 }),
]);
