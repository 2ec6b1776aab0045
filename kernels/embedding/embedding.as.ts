/** embedding_forward and embedding_backward. */

import { loadIf, storePart, VECTOR } from "../simd/vector.as";

export function embedding_forward(
  table: usize,
  ids: usize,
  out: usize,
  _count: u32,
  width: u32,
  begin: u32,
  end: u32,
): void {
  const bytes: usize = <usize>width << 2;
  for (let i = begin; i < end; i++) {
    const id: usize = load<u32>(ids + (<usize>i << 2));
    memory.copy(out + i * bytes, table + id * bytes, bytes);
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
  const bytes: usize = <usize>width << 2;
  for (let row = begin; row < end; row++) {
    const run: usize = starts + (<usize>row << 2);
    const first: usize = order + (<usize>load<u32>(run) << 2);
    const last: usize = order + (<usize>load<u32>(run, 4) << 2);
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
    if (column + VECTOR <= bytes) v128.store(to + column, sum);
    else storePart(to + column, sum, <u32>(bytes - column) >> 2);
  }
}
