/** segment_outer. */

import { gemm } from "../matmul/gemm.as";
import { bytesOf } from "../simd/vector.as";

/** Bytes of a piece and of a part. */
const PIECE: usize = 12;
const PART: usize = 20;

/** A unit is a row of the matrices of a piece's group. */
export function segment_outer(
  p: usize,
  q: usize,
  pieces: usize,
  parts: usize,
  c: usize,
  rows: u32,
  time: u32,
  pieceCount: u32,
  _groups: u32,
  partCount: u32,
  pStride: u32,
  qStride: u32,
  accumulate: u32,
  mostM: u32,
  _mostN: u32,
  begin: u32,
  end: u32,
): void {
  const last = pieces + <usize>pieceCount * PIECE, pRow = bytesOf(pStride), qRow = bytesOf(qStride);
  let unit: u32 = 0;
  for (let piece = pieces; piece < last; piece += PIECE, unit += mostM) {
    if (unit + mostM <= begin || unit >= end) continue;
    const low = max(begin, unit) - unit, high = min(end, unit + mostM) - unit;
    const before = load<u32>(piece), next = piece + PIECE < last ? load<u32>(piece + PIECE) : rows;
    const row: usize = load<u32>(piece, 4) * time, k = (next - before) * time;
    const group = load<u32>(piece, 8);
    for (let part = group * partCount; part < (group + 1) * partCount; part++) {
      const at = parts + <usize>part * PART, top = min(high, load<u32>(at)), n = load<u32>(at, 4);
      if (low >= top) continue;
      const a = p + row * pRow + bytesOf(load<u32>(at, 8) + low);
      const b = q + row * qRow + bytesOf(load<u32>(at, 12));
      const to = c + bytesOf(load<u32>(at, 16) + low * n);
      gemm<f32>(top - low, n, k, a, 4, pRow, b, 4, qRow, to, bytesOf(n), 1, 0, accumulate);
    }
  }
}
