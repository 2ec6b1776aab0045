/** head_product. */

import { gemm } from "../matmul/gemm.as";
import { bytesOf } from "../simd/vector.as";

/** A unit is a head of a group. */
export function head_product(
  a: usize,
  b: usize,
  c: usize,
  _groups: u32,
  heads: u32,
  m: u32,
  n: u32,
  k: u32,
  transposeA: u32,
  transposeB: u32,
  alpha: f32,
  accumulate: u32,
  begin: u32,
  end: u32,
): void {
  const cRow = bytesOf(heads * n);
  const aRow = bytesOf(transposeA ? 1 : heads * k), aStep = bytesOf(transposeA ? heads * m : 1);
  const bColumn = bytesOf(transposeB ? heads * k : 1), bStep = bytesOf(transposeB ? 1 : heads * n);
  for (let unit: usize = begin; unit < end; unit++) {
    const group = unit / heads, head = unit % heads;
    const from = a + (group * m * k * heads + head * (transposeA ? m : k)) * 4;
    const by = b + (group * k * n * heads + head * (transposeB ? k : n)) * 4;
    const to = c + (group * m * heads + head) * n * 4;
    gemm<f32>(m, n, k, from, aRow, aStep, by, bColumn, bStep, to, cRow, alpha, 0, accumulate);
  }
}
