/** Outer products of rows that belong to groups: gradients of the matrices of many adapters. @module */

import { ceilDivide, defineKernel, f32, type Kernel, u32 } from "../kernel.ts";
import { partNumbers, pieceNumbers } from "../segment_product/kernel.ts";
import code from "./segment_outer.wgsl" with { type: "text" };

/**
 * Sums outer products over the rows of each piece of a batch, for each part of the piece's group:
 *
 * C[start + i · n + j] = (accumulate ? C[start + i · n + j] : 0) + Σ_r P[r, pColumn + i] · Q[r, qColumn + j]
 *
 * for i < m and j < n. A row of the batch is `time` rows of P and Q. `pieces` are those of `segment_product`, of
 * which each group has at most one; the matrices of groups without a piece keep their values. `parts` holds five
 * numbers for each part of each group, m, n, pColumn, qColumn and start; m = 0 leaves a part out. `mostM` and
 * `mostN` are the largest m and n.
 *
 * Of y += h Bᵀ with h = s x Aᵀ, dB = dyᵀ h of all adapters of a batch is one launch, and dA = dhᵀ x another.
 * Elements have the bits that `matmul` gives with the rows of the group alone.
 */
export const segmentOuter: Kernel<
  "p" | "q" | "pieces" | "parts" | "c",
  | "rows"
  | "time"
  | "pieceCount"
  | "groups"
  | "partCount"
  | "pStride"
  | "qStride"
  | "accumulate"
  | "mostM"
  | "mostN"
> = defineKernel({
  name: "segment_outer",
  bindings: { p: f32.read, q: f32.read, pieces: u32.read, parts: u32.read, c: f32.update },
  scalars: {
    rows: "u32",
    time: "u32",
    pieceCount: "u32",
    groups: "u32",
    partCount: "u32",
    pStride: "u32",
    qStride: "u32",
    accumulate: "u32",
    mostM: "u32",
    mostN: "u32",
  },
  elements: ({ pieceCount, groups, partCount }) => ({
    pieces: pieceNumbers * pieceCount,
    parts: partNumbers * groups * partCount,
  }),
  wgsl: {
    code,
    workgroups: ({ pieceCount, partCount, mostM, mostN }) =>
      ceilDivide(pieceCount * partCount * mostM * ceilDivide(mostN, 4), 64),
  },
  cpu: {
    units: ({ pieceCount, mostM }) => pieceCount * mostM,
    grain: ({ rows, time, pieceCount, partCount, mostN }) =>
      24 * ceilDivide(65536, 24 * partCount * mostN * ceilDivide(rows * time, pieceCount || 1) + 1),
  },
  reference({ p, q, pieces, parts, c }, s) {
    const { rows, time, pieceCount, partCount, pStride, qStride, accumulate } = s;
    for (let piece = 0; piece < pieceCount; piece++) {
      const at = pieceNumbers * piece,
        [before, first, group] = [0, 1, 2].map((i) => pieces[at + i]);
      const next = piece + 1 < pieceCount ? pieces[at + pieceNumbers] : rows;
      for (let part = group * partCount; part < (group + 1) * partCount; part++) {
        const [m, n, pColumn, qColumn, start] = [0, 1, 2, 3, 4]
          .map((i) => parts[partNumbers * part + i]);
        for (let i = 0; i < m; i++) {
          for (let j = 0; j < n; j++) {
            let sum = 0;
            for (let row = first * time; row < (first + next - before) * time; row++) {
              sum += p[row * pStride + pColumn + i] * q[row * qStride + qColumn + j];
            }
            const to = start + i * n + j;
            c[to] = (accumulate ? c[to] : 0) + sum;
          }
        }
      }
    }
  },
});
