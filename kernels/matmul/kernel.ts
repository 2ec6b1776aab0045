/** Matrix product with strides, in all four layouts. @module */

import {
  type AdapterTraits,
  areFours,
  ceilDivide,
  defineKernel,
  elementsOf,
  f32,
  hasSubgroups,
  type Kernel,
  type Numbers,
  type WgslProgram,
} from "../kernel.ts";
import { bindingsIn, storedAs, type StoredType, valueOf } from "../float16/kernel.ts";
import directCode from "./direct.wgsl" with { type: "text" };
import tiledCode from "./matmul.wgsl" with { type: "text" };
import operandsCode from "./operands.wgsl" with { type: "text" };
import subgroupCode from "./subgroup.wgsl" with { type: "text" };

const scalars = {
  m: "u32",
  n: "u32",
  k: "u32",
  transposeA: "u32",
  transposeB: "u32",
  aOffset: "u32",
  aStride: "u32",
  bOffset: "u32",
  bStride: "u32",
  cOffset: "u32",
  cStride: "u32",
  alpha: "f32",
  hasBias: "u32",
  accumulate: "u32",
  k2: "u32",
  a2Offset: "u32",
  a2Stride: "u32",
  b2Offset: "u32",
  b2Stride: "u32",
} as const;

/**
 * Division of a tile among the 8 lanes of a subgroup: a lane sums 4 columns of the rows that
 * `rowLanes` lanes load.
 */
function lanesOf({ m, n }: { readonly m: number; readonly n: number }) {
  const lanesFor = (extent: number) => extent > 16 ? 8 : extent > 8 ? 4 : 2;
  const columnLanes = lanesFor(n), rowLanes = Math.min(columnLanes, lanesFor(m));
  return { columnLanes, rowLanes };
}

type ProductProgram = WgslProgram<keyof typeof scalars>;

const subgroupProgram = (type: StoredType): ProductProgram => ({
  code: subgroupCode,
  constants: (s) => {
    const second = Number(s.k2 > 0), single = Number(s.m === 1);
    const aligned = areFours(s.k, s.aOffset, s.aStride, s.bOffset, s.bStride);
    const aligned2 = second && areFours(s.k2, s.a2Offset, s.a2Stride, s.b2Offset, s.b2Stride);
    const stored = storedAs(type);
    return { second, aligned, aligned2, single, stored, ...lanesOf(s) };
  },
  workgroups: (s) => {
    const { columnLanes, rowLanes } = lanesOf(s);
    return ceilDivide(s.m, 32 / columnLanes * rowLanes) * ceilDivide(s.n, 4 * columnLanes);
  },
});

/** The constants of operands.wgsl. */
const operandConstants =
  (type: StoredType): NonNullable<ProductProgram["constants"]> =>
  ({ transposeA, transposeB, k2 }) => ({
    ...{ transposeA, transposeB, second: Number(k2 > 0), stored: storedAs(type) },
  });

const tiledProgram = (type: StoredType): ProductProgram => ({
  code: `${operandsCode}\n${tiledCode}`,
  constants: operandConstants(type),
  workgroups: ({ m, n }) => ceilDivide(m, 64) * ceilDivide(n, 64),
});

/** The program of direct.wgsl in which a workgroup makes `rows` x `columns` elements of C. */
const directProgram = (rows: number, columns: number) => (type: StoredType): ProductProgram => {
  const constants = operandConstants(type);
  const across = { rowsAcross: rows / 4, columnsAcross: columns / 4 };
  return {
    code: `${operandsCode}\n${directCode}`,
    constants: (s) => ({ ...constants(s), ...across }),
    workgroups: ({ m, n }) => ceilDivide(m, rows) * ceilDivide(n, columns),
  };
};

/** The name of the program for some software adapters. */
const subgroupName = "subgroup";

/** Programs that every adapter may run, by name. */
const programs = {
  "tiled": tiledProgram,
  "direct 32 x 32": directProgram(32, 32),
  "direct 16 x 16": directProgram(16, 16),
  "direct 32 x 8": directProgram(32, 8),
  "direct 8 x 32": directProgram(8, 32),
  "direct 8 x 8": directProgram(8, 8),
} as const;

/**
 * Names of the programs for products that an adapter may run, one of which a device runs where
 * {@link AdapterTraits.fastestProduct} names it. The first is what it runs elsewhere.
 */
export const productPrograms = (adapter: AdapterTraits): string[] =>
  hasSubgroups(adapter) ? [subgroupName, ...Object.keys(programs)] : Object.keys(programs);

/** True for the name of a program for products. */
export const isProductProgram = (name: string): boolean =>
  name === subgroupName || Object.hasOwn(programs, name);

/** The program that was measured to be the fastest for a launch, or else that of software adapters. */
function variantIn(type: StoredType): ProductProgram["variant"] {
  const subgroup = subgroupProgram(type);
  const others: Readonly<Record<string, ProductProgram>> = Object.fromEntries(
    Object.entries(programs).map(([name, programIn]) => [name, programIn(type)]),
  );
  return (adapter, { m, n, k, k2, transposeA, transposeB }) => {
    const fastest = adapter.fastestProduct?.({ m, n, k: k + k2, transposeA, transposeB });
    return others[fastest ?? ""] ?? (hasSubgroups(adapter) ? subgroup : undefined);
  };
}

/** The scalars of a product without a second pair. */
export const onePair = { k2: 0, a2Offset: 0, a2Stride: 0, b2Offset: 0, b2Stride: 0 } as const;

/**
 * C[i, j] = (accumulate ? C[i, j] : 0) + alpha · (Σ_p opA[i, p] · opB[p, j] + Σ_q opA2[i, q] · opB2[q, j])
 * + (hasBias ? bias[j] : 0) for i < m, j < n, p < k, q < k2.
 *
 * opA[i, p] is A[i, p] (A is m x k) or, with `transposeA`, A[p, i] (A is k x m); likewise opB, and the
 * second pair with k2 in place of k. Row r of a matrix starts at `offset + r * stride` elements. The
 * bias is not read without `hasBias`, nor the second pair with k2 = 0: pass any buffers. A training
 * step uses: y = x Wᵀ (transposeB), dx = dy W (neither), dW = dyᵀ x (transposeA); a low-rank layer's y
 * = x Wᵀ + h Bᵀ and dx = dy W + dh A are one product each.
 */
export const matmul: Matmul = productWith("f32");

/** The same with B in F16, widened as it is loaded: the bits of the result are those of B in F32. */
export const matmulF16: Matmul = productWith("f16");

/** The same with B in BF16. */
export const matmulBf16: Matmul = productWith("bf16");

/** A matrix product with two operand pairs. */
export type Matmul = Kernel<
  "a" | "b" | "a2" | "b2" | "bias" | "c",
  | "m"
  | "n"
  | "k"
  | "transposeA"
  | "transposeB"
  | "aOffset"
  | "aStride"
  | "bOffset"
  | "bStride"
  | "cOffset"
  | "cStride"
  | "alpha"
  | "hasBias"
  | "accumulate"
  | "k2"
  | "a2Offset"
  | "a2Stride"
  | "b2Offset"
  | "b2Stride"
>;

function productWith(type: StoredType): Matmul {
  return defineKernel({
    name: type === "f32" ? "matmul" : `matmul_${type}`,
    bindings: {
      a: f32.read,
      b: bindingsIn(type).read,
      a2: f32.read,
      b2: f32.read,
      bias: f32.read,
      c: f32.update,
    },
    scalars,
    elements: (s) => ({
      a: factorElements(s.m, s.k, s.transposeA, s.aStride, s.aOffset),
      b: factorElements(s.k, s.n, s.transposeB, s.bStride, s.bOffset),
      a2: factorElements(s.m, s.k2, s.transposeA, s.a2Stride, s.a2Offset),
      b2: factorElements(s.k2, s.n, s.transposeB, s.b2Stride, s.b2Offset),
      bias: s.hasBias ? s.n : 0,
      c: elementsOf(s.m, s.n, s.cStride, s.cOffset),
    }),
    flops: ({ m, n, k, k2 }) => 2 * m * n * (k + k2),
    wgsl: { ...tiledProgram(type), variant: variantIn(type) },
    // Threads split the longer side of C, its columns if it is wider than high, so that the smaller
    // operand is the one that every thread packs for itself. Cuts fall between whole tiles of 4 rows or 8
    // columns. A product with k = 0 writes the bias.
    cpu: {
      units: ({ m, n }) => Math.max(m, n),
      grain: ({ m, n, k }) => 24 * ceilDivide(65536, 24 * Math.min(m, n) * (k || 4) + 1),
    },
    reference: referenceOf(type),
  });
}

/** The product by its definition, in float64. */
function referenceOf(type: StoredType): Matmul["reference"] {
  return ({ a, b, a2, b2, bias, c }, s) => {
    const stepsOf = (transposed: number, stride: number) => transposed ? [1, stride] : [stride, 1];
    const [aRow, aStep] = stepsOf(s.transposeA, s.aStride);
    const [bStep, bColumn] = stepsOf(s.transposeB, s.bStride);
    const [a2Row, a2Step] = stepsOf(s.transposeA, s.a2Stride);
    const [b2Step, b2Column] = stepsOf(s.transposeB, s.b2Stride);
    for (let i = 0; i < s.m; i++) {
      const x = { of: a, at: s.aOffset + i * aRow, step: aStep };
      const x2 = { of: a2, at: s.a2Offset + i * a2Row, step: a2Step };
      for (let j = 0; j < s.n; j++) {
        const y = { of: b, at: s.bOffset + j * bColumn, step: bStep, type };
        const y2 = { of: b2, at: s.b2Offset + j * b2Column, step: b2Step };
        const sum = dot(s.k, x, y) + dot(s.k2, x2, y2), at = s.cOffset + i * s.cStride + j;
        c[at] = (s.accumulate ? c[at] : 0) + s.alpha * sum + (s.hasBias ? bias[j] : 0);
      }
    }
  };
}

/** Elements of a factor, which is stored as columns x rows if it is transposed. */
function factorElements(
  rows: number,
  columns: number,
  transposed: number,
  stride: number,
  offset: number,
): number {
  return transposed
    ? elementsOf(columns, rows, stride, offset)
    : elementsOf(rows, columns, stride, offset);
}

/** A strided view of an array: one row or column of a matrix. */
interface Strided {
  readonly of: Numbers;
  readonly at: number;
  readonly step: number;
  /** Storage type. Default f32. */
  readonly type?: StoredType;
}

function dot(terms: number, x: Strided, y: Strided): number {
  let sum = 0;
  for (let p = 0; p < terms; p++) {
    sum += x.of[x.at + p * x.step] * valueOf(y.type ?? "f32", y.of[y.at + p * y.step]);
  }
  return sum;
}
