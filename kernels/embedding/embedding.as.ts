/** embedding_forward and embedding_backward. */

import { bytesOf, loadIf, storeUntil, VECTOR } from "../simd/vector.as";

export function embedding_forward(
  table: usize,
  ids: usize,
  out: usize,
  _count: u32,
  width: u32,
  first: u32,
  rows: u32,
  begin: u32,
  end: u32,
): void {
  const bytes = bytesOf(width);
  for (let i: usize = begin; i < end; i++) {
    const row = load<u32>(ids + i * 4) - first;
    if (row < rows) memory.copy(out + i * bytes, table + <usize>row * bytes, bytes);
  }
}

export function embedding_backward(
  dOut: usize,
  order: usize,
  starts: usize,
  dTable: usize,
  _vocabulary: u32,
  width: u32,
  accumulate: u32,
  begin: u32,
  end: u32,
): void {
  const bytes = bytesOf(width);
  for (let row: usize = begin; row < end; row++) {
    const first = order + bytesOf(load<u32>(starts + row * 4));
    const last = order + bytesOf(load<u32>(starts + row * 4, 4));
    if (accumulate && first == last) continue;
    sumRun(dOut, first, last, dTable + row * bytes, bytes, accumulate);
  }
}

/** One row: Σ over its run, four columns at a time, in the order of the run. */
function sumRun(
  dOut: usize,
  first: usize,
  last: usize,
  to: usize,
  bytes: usize,
  accumulate: u32,
): void {
  for (let column: usize = 0; column < bytes; column += VECTOR) {
    let sum = loadIf(accumulate, to + column);
    for (let p = first; p < last; p += 4) {
      sum = f32x4.add(sum, v128.load(dOut + <usize>load<u32>(p) * bytes + column));
    }
    storeUntil(to + bytes, to + column, sum);
  }
}
