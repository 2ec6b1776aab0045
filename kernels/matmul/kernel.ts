/** Matrix product with strides, in the four layouts. @module */

import { ceilDivide, defineKernel, type Kernel, type WgslProgram } from "../kernel.ts";
import code from "./matmul.wgsl" with { type: "text" };
import subgroupCode from "./subgroup.wgsl" with { type: "text" };

const bindings = {
  a: { type: "f32", access: "read" },
  b: { type: "f32", access: "read" },
  bias: { type: "f32", access: "read" },
  c: { type: "f32", access: "update" },
} as const;

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
} as const;

/** How the 8 lanes of a subgroup share a tile: a lane has 4 columns, and 4 rows of each of some lanes. */
function shareOut({ m, n }: { readonly m: number; readonly n: number }) {
  const lanesFor = (extent: number) => extent > 16 ? 8 : extent > 8 ? 4 : 2;
  const columnLanes = lanesFor(n), rowLanes = Math.min(columnLanes, lanesFor(m));
  return { columnLanes, rowLanes };
}

const subgroup: WgslProgram<keyof typeof scalars> = {
  code: subgroupCode,
  constants: (s) => {
    const aligned = Number((s.k | s.aOffset | s.aStride | s.bOffset | s.bStride) % 4 === 0);
    return { transposeA: s.transposeA, transposeB: s.transposeB, aligned, ...shareOut(s) };
  },
  workgroups: (s) => {
    const { columnLanes, rowLanes } = shareOut(s);
    return ceilDivide(s.m, 32 / columnLanes * rowLanes) * ceilDivide(s.n, 4 * columnLanes);
  },
};

/**
 * C[i, j] = (accumulate ? C[i, j] : 0) + alpha · Σ_p opA[i, p] · opB[p, j] + (hasBias ? bias[j] : 0)
 * for i < m, j < n, p < k.
 *
 * opA[i, p] is A[i, p] (A is m x k) or, with `transposeA`, A[p, i] (A is k x m); likewise opB. Row r of
 * a matrix starts at `offset + r * stride` elements. Without `hasBias` the bias is not read: pass any
 * buffer. A training step uses: y = x Wᵀ (transposeB), dx = dy W (neither), dW = dyᵀ x (transposeA).
 */
export const matmul: Kernel<
  "a" | "b" | "bias" | "c",
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
> = defineKernel({
  name: "matmul",
  bindings,
  scalars,
  wgsl: {
    code,
    constants: ({ transposeA, transposeB }) => ({ transposeA, transposeB }),
    workgroups: ({ m, n }) => ceilDivide(m, 64) * ceilDivide(n, 64),
    variant: ({ software, subgroupSize }) => software && subgroupSize === 8 ? subgroup : undefined,
  },
  // Threads share the longer side of C, columns where it is wider than high, so that the shorter
  // operand is the one that each packs for itself. A cut falls on whole tiles of 6 rows or 8 columns.
  // A product of no terms writes the bias.
  cpu: {
    units: ({ m, n }) => Math.max(m, n),
    grain: ({ m, n, k }) => 24 * ceilDivide(65536, 24 * Math.min(m, n) * (k || 4) + 1),
  },
  reference({ a, b, bias, c }, s) {
    const [aRow, aStep] = s.transposeA ? [1, s.aStride] : [s.aStride, 1];
    const [bRow, bStep] = s.transposeB ? [1, s.bStride] : [s.bStride, 1];
    for (let i = 0; i < s.m; i++) {
      for (let j = 0; j < s.n; j++) {
        let sum = 0;
        for (let p = 0; p < s.k; p++) {
          sum += a[s.aOffset + i * aRow + p * aStep] * b[s.bOffset + p * bRow + j * bStep];
        }
        const at = s.cOffset + i * s.cStride + j;
        c[at] = (s.accumulate ? c[at] : 0) + s.alpha * sum + (s.hasBias ? bias[j] : 0);
      }
    }
  },
});
