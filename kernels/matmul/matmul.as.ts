/** matmul. */

import { bytesOf } from "../simd/vector.as";
import { dotRows, FEW_ROWS } from "./dot_rows.as";
import { gemm } from "./gemm.as";

/** Units are columns if C is wider than high, else rows: see `cpu` in kernel.ts. */
export function matmul(
  a: usize,
  b: usize,
  a2: usize,
  b2: usize,
  bias: usize,
  c: usize,
  m: u32,
  n: u32,
  k: u32,
  transposeA: u32,
  transposeB: u32,
  aOffset: u32,
  aStride: u32,
  bOffset: u32,
  bStride: u32,
  cOffset: u32,
  cStride: u32,
  alpha: f32,
  hasBias: u32,
  accumulate: u32,
  k2: u32,
  a2Offset: u32,
  a2Stride: u32,
  b2Offset: u32,
  b2Stride: u32,
  begin: u32,
  end: u32,
): void {
  const aBytes = bytesOf(aStride), bBytes = bytesOf(bStride), cRow = bytesOf(cStride);
  const aRow: usize = transposeA ? 4 : aBytes, aStep: usize = transposeA ? aBytes : 4;
  const bColumn: usize = transposeB ? bBytes : 4, bStep: usize = transposeB ? 4 : bBytes;
  const wide = n > m, units = end - begin, first: usize = begin;
  a += bytesOf(aOffset) + (wide ? 0 : first * aRow);
  b += bytesOf(bOffset) + (wide ? first * bColumn : 0);
  const to = c + bytesOf(cOffset) + (wide ? bytesOf(begin) : first * cRow);
  const biasAt = hasBias ? bias + (wide ? bytesOf(begin) : 0) : 0;
  const rows = wide ? m : units, columns = wide ? units : n;
  if (m <= FEW_ROWS && transposeB && !transposeA) {
    dotRows(rows, columns, k, a, aBytes, b, bBytes, to, cRow, alpha, biasAt, accumulate);
  } else {
    gemm(rows, columns, k, a, aRow, aStep, b, bColumn, bStep, to, cRow, alpha, biasAt, accumulate);
  }
  if (k2 == 0) return;
  // The second pair is a separate product, added while this part of C is in the cache.
  // deno-fmt-ignore
  matmul(
    a2, b2, 0, 0, 0, c, m, n, k2, transposeA, transposeB, a2Offset, a2Stride, b2Offset, b2Stride,
    cOffset, cStride, alpha, 0, 1, 0, 0, 0, 0, 0, begin, end,
  );
}
