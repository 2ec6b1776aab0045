/** One matrix product for each head of each sequence. @module */

import { ceilDivide, defineKernel, f32, type Kernel } from "../kernel.ts";
import code from "./head_product.wgsl" with { type: "text" };

/**
 * C[g, h] = (accumulate ? C[g, h] : 0) + alpha · opA[g, h] opB[g, h], for g < groups and h < heads.
 *
 * A matrix [g, h] is the columns of head h in the rows of group g: element (r, c) of A[g, h], of `rows` by
 * `columns`, is at ((g · rows + r) · heads + h) · columns + c, likewise B and C. opA is m x k, A[g, h] itself
 * or, with `transposeA`, its transpose; opB is k x n; C[g, h] is m x n. So the scores of q (batch · time, heads
 * · d) and k are A Bᵀ, (batch · time, heads · time), and what they attend to is their product with v.
 */
export const headProductKernel: Kernel<
  "a" | "b" | "c",
  "groups" | "heads" | "m" | "n" | "k" | "transposeA" | "transposeB" | "alpha" | "accumulate"
> = defineKernel({
  name: "head_product",
  bindings: { a: f32.read, b: f32.read, c: f32.update },
  scalars: {
    groups: "u32",
    heads: "u32",
    m: "u32",
    n: "u32",
    k: "u32",
    transposeA: "u32",
    transposeB: "u32",
    alpha: "f32",
    accumulate: "u32",
  },
  elements: ({ groups, heads, m, n, k }) => ({
    a: groups * heads * m * k,
    b: groups * heads * k * n,
    c: groups * heads * m * n,
  }),
  flops: ({ groups, heads, m, n, k }) => 2 * groups * heads * m * n * k,
  wgsl: {
    code,
    workgroups: ({ groups, heads, m, n }) => groups * heads * ceilDivide(m, 32) * ceilDivide(n, 32),
  },
  cpu: {
    units: ({ groups, heads }) => groups * heads,
    grain: ({ m, n, k }) => ceilDivide(65536, m * n * k + 1),
  },
  reference({ a, b, c }, { groups, heads, m, n, k, transposeA, transposeB, alpha, accumulate }) {
    const at = (g: number, rows: number, row: number, h: number, columns: number, column: number) =>
      ((g * rows + row) * heads + h) * columns + column;
    for (let g = 0; g < groups; g++) {
      for (let h = 0; h < heads; h++) {
        for (let i = 0; i < m; i++) {
          for (let j = 0; j < n; j++) {
            let sum = 0;
            for (let p = 0; p < k; p++) {
              const x = transposeA ? at(g, k, p, h, m, i) : at(g, m, i, h, k, p);
              const y = transposeB ? at(g, n, j, h, k, p) : at(g, k, p, h, n, j);
              sum += a[x] * b[y];
            }
            const to = at(g, m, i, h, n, j);
            c[to] = (accumulate ? c[to] : 0) + alpha * sum;
          }
        }
      }
    }
  },
});
