/** matmul, matmul_f16 and matmul_bf16. */

import { bytesOf } from "../simd/vector.as";
import { dotRows, FEW_ROWS } from "./dot_rows.as";
import { gemm } from "./gemm.as";

/**
 * Units are columns if C is wider than high, else rows: see `cpu` in kernel.ts. B has storage type T; all
 * others are f32.
 */
function product<T>(
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
  const aBytes = bytesOf(aStride), bBytes = <usize>bStride * sizeof<T>(), cRow = bytesOf(cStride);
  const aRow: usize = transposeA ? 4 : aBytes, aStep: usize = transposeA ? aBytes : 4;
  const bColumn: usize = transposeB ? bBytes : sizeof<T>();
  const bStep: usize = transposeB ? sizeof<T>() : bBytes;
  const wide = n > m, units = end - begin, first: usize = begin;
  a += bytesOf(aOffset) + (wide ? 0 : first * aRow);
  b += <usize>bOffset * sizeof<T>() + (wide ? first * bColumn : 0);
  const to = c + bytesOf(cOffset) + (wide ? bytesOf(begin) : first * cRow);
  const biasAt = hasBias ? bias + (wide ? bytesOf(begin) : 0) : 0;
  const rows = wide ? m : units, columns = wide ? units : n;
  if (m <= FEW_ROWS && transposeB && !transposeA) {
    dotRows<T>(rows, columns, k, a, aBytes, b, bBytes, to, cRow, alpha, biasAt, accumulate);
  } else {
    gemm<T>(rows, columns, k, a, aRow, aStep, b, bColumn, bStep, to, cRow, alpha, biasAt, accumulate);
  }
  if (k2 == 0) return;
  // The second pair is a separate product, added while this part of C is in the cache.
  // deno-fmt-ignore
  product<f32>(
    a2, b2, 0, 0, 0, c, m, n, k2, transposeA, transposeB, a2Offset, a2Stride, b2Offset, b2Stride,
    cOffset, cStride, alpha, 0, 1, 0, 0, 0, 0, 0, begin, end,
  );
}

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
  // deno-fmt-ignore
  product<f32>(
    a, b, a2, b2, bias, c, m, n, k, transposeA, transposeB, aOffset, aStride, bOffset, bStride,
    cOffset, cStride, alpha, hasBias, accumulate, k2, a2Offset, a2Stride, b2Offset, b2Stride, begin, end,
  );
}

export function matmul_f16(
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
  // deno-fmt-ignore
  product<u16>(
    a, b, a2, b2, bias, c, m, n, k, transposeA, transposeB, aOffset, aStride, bOffset, bStride,
    cOffset, cStride, alpha, hasBias, accumulate, k2, a2Offset, a2Stride, b2Offset, b2Stride, begin, end,
  );
}

export function matmul_bf16(
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
  // deno-fmt-ignore
  product<i16>(
    a, b, a2, b2, bias, c, m, n, k, transposeA, transposeB, aOffset, aStride, bOffset, bStride,
    cOffset, cStride, alpha, hasBias, accumulate, k2, a2Offset, a2Stride, b2Offset, b2Stride, begin, end,
  );
}
