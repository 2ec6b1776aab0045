/** Products of rows with matrices of their own: the low-rank path of a batch of many adapters. @module */

import { ceilDivide, defineKernel, f32, type Kernel, u32 } from "../kernel.ts";
import code from "./segment_product.wgsl" with { type: "text" };

/** Numbers of a piece: the rows of the batch before it among all pieces, its first row, its group. */
export const pieceNumbers = 3;

/** Numbers of a part: n, k, its first column of A, where its matrix begins in B, its first column of C. */
export const partNumbers = 5;

/**
 * Multiplies rows of A by matrices that depend on the row: those of the group that a piece of the batch
 * belongs to. For each row r of each piece and each part of the piece's group
 *
 * C[r, cColumn + j] = (accumulate ? C[r, cColumn + j] : 0) + factor · Σ_q A[r, aColumn + q] · opB[q, j]
 *
 * for j < n and q < k, with opB[q, j] = B[bStart + j · k + q] if `transposeB`, else B[bStart + q · n + j].
 *
 * A row of the batch is `time` rows of A and C, the tokens of a sequence. `pieces` holds three numbers for
 * each piece: how many rows of the batch the pieces before it have, its first row of the batch, and its
 * group; `rows` is how many all pieces have. The pieces of a group are neighbors. `parts` holds five numbers
 * for each part of each group, n, k, aColumn, bStart and cColumn, and `factors` one; n = 0 leaves a part
 * out. Two parts of a group share no column of C, or all of them, one after the other, where `accumulate` is set.
 * `tokens` counts all rows of C, `mostN` and `mostK` are the largest n and k.
 *
 * With B Σ of adapters' A, h = s x Aᵀ is one launch for all adapters of a batch, and y += h Bᵀ another (Punica's
 * SGMV, Chen et al. 2023, with a rank for each adapter). Elements have the bits that `matmul` of `tokens` rows
 * gives with the matrix of the row's own group.
 */
export const segmentProduct: Kernel<
  "a" | "b" | "pieces" | "parts" | "factors" | "c",
  | "rows"
  | "time"
  | "pieceCount"
  | "groups"
  | "partCount"
  | "tokens"
  | "aStride"
  | "cStride"
  | "transposeB"
  | "accumulate"
  | "mostN"
  | "mostK"
> = defineKernel({
  name: "segment_product",
  bindings: {
    a: f32.read,
    b: f32.read,
    pieces: u32.read,
    parts: u32.read,
    factors: f32.read,
    c: f32.update,
  },
  scalars: {
    rows: "u32",
    time: "u32",
    pieceCount: "u32",
    groups: "u32",
    partCount: "u32",
    tokens: "u32",
    aStride: "u32",
    cStride: "u32",
    transposeB: "u32",
    accumulate: "u32",
    mostN: "u32",
    mostK: "u32",
  },
  elements: ({ pieceCount, groups, partCount }) => ({
    pieces: pieceNumbers * pieceCount,
    parts: partNumbers * groups * partCount,
    factors: groups * partCount,
  }),
  flops: ({ rows, time, partCount, mostN, mostK }) => 2 * rows * time * partCount * mostN * mostK,
  wgsl: {
    code,
    workgroups: ({ rows, time, mostN }) => ceilDivide(rows * time * ceilDivide(mostN, 4), 64),
  },
  cpu: {
    units: ({ rows, time }) => rows * time,
    grain: ({ partCount, mostN, mostK }) =>
      24 * ceilDivide(65536, 24 * partCount * mostN * (mostK || 1) + 1),
  },
  reference({ a, b, pieces, parts, factors, c }, s) {
    const { rows, time, pieceCount, partCount, aStride, cStride, transposeB, accumulate } = s;
    for (let piece = 0; piece < pieceCount; piece++) {
      const at = pieceNumbers * piece,
        [before, first, group] = [0, 1, 2].map((i) => pieces[at + i]);
      const next = piece + 1 < pieceCount ? pieces[at + pieceNumbers] : rows;
      for (let row = first * time; row < (first + next - before) * time; row++) {
        for (let part = group * partCount; part < (group + 1) * partCount; part++) {
          const [n, k, aColumn, bStart, cColumn] = [0, 1, 2, 3, 4]
            .map((i) => parts[partNumbers * part + i]);
          for (let j = 0; j < n; j++) {
            let sum = 0;
            for (let q = 0; q < k; q++) {
              const y = bStart + (transposeB ? j * k + q : q * n + j);
              sum += a[row * aStride + aColumn + q] * b[y];
            }
            const to = row * cStride + cColumn + j;
            c[to] = (accumulate ? c[to] : 0) + factors[part] * sum;
          }
        }
      }
    }
  },
});
