/** embedding_forward, also of tables in 16 bits, and embedding_backward. */

import { loadFour } from "../float16/widen.as";
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

/** The same for a table in storage type T of 16 bits. */
function lookUpHalf<T>(
  table: usize,
  ids: usize,
  out: usize,
  width: u32,
  first: u32,
  rows: u32,
  begin: u32,
  end: u32,
): void {
  const bytes = bytesOf(width);
  for (let i: usize = begin; i < end; i++) {
    const row = load<u32>(ids + i * 4) - first;
    if (row >= rows) continue;
    const from = table + (<usize>row * bytes >> 1), to = out + i * bytes, last = to + bytes;
    for (let at: usize = 0; at < bytes; at += VECTOR) {
      storeUntil(last, to + at, loadFour<T>(from + (at >> 1)));
    }
  }
}

export function embedding_forward_f16(
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
  lookUpHalf<u16>(table, ids, out, width, first, rows, begin, end);
}

export function embedding_forward_bf16(
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
  lookUpHalf<i16>(table, ids, out, width, first, rows, begin, end);
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
