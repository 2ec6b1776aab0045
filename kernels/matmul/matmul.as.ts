/** matmul. */

import { gemm } from "./gemm.as";

/** Units are columns where C is wider than high, else rows: see `cpu` in kernel.ts. */
export function matmul(
  a: usize,
  b: usize,
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
  begin: u32,
  end: u32,
): void {
  const aBytes: usize = <usize>aStride << 2, bBytes: usize = <usize>bStride << 2;
  const cBytes: usize = <usize>cStride << 2;
  const aRow = transposeA ? 4 : aBytes, aStep = transposeA ? aBytes : 4;
  const bColumn = transposeB ? bBytes : 4, bStep = transposeB ? 4 : bBytes;
  a += <usize>aOffset << 2;
  b += <usize>bOffset << 2;
  c += <usize>cOffset << 2;
  bias = hasBias ? bias : 0;
  const units = end - begin;
  if (n > m) {
    const biasAt = hasBias ? bias + (<usize>begin << 2) : 0;
    b += begin * bColumn;
    c += <usize>begin << 2;
    gemm(m, units, k, a, aRow, aStep, b, bColumn, bStep, c, cBytes, alpha, biasAt, accumulate);
  } else {
    a += begin * aRow;
    c += begin * cBytes;
    gemm(units, n, k, a, aRow, aStep, b, bColumn, bStep, c, cBytes, alpha, bias, accumulate);
  }
}
