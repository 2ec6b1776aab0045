/** Packing: copies of blocks in the order in which the innermost loop reads them. */

import { loadFour, loadOne } from "../float16/widen.as";
import { bytesOf } from "../simd/vector.as";
import { COLUMNS } from "./micro.as";

/** Rows of the next panel when `left` rows of a block remain. Two panels of 4 are faster than 6 + 2. */
// @ts-ignore: decorator
@inline export function panelRows(left: u32): u32 {
  if (left >= 6 && left != 8) return 6;
  return left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

/**
 * Packs `rows` x `k` of A, panel after panel. Row i, step p is at a + i · rowBytes + p · stepBytes; one
 * of the two strides is 4.
 */
export function packA(
  to: usize,
  a: usize,
  rows: u32,
  k: u32,
  rowBytes: usize,
  stepBytes: usize,
): void {
  for (let row: u32 = 0; row < rows;) {
    const height = panelRows(rows - row), from = a + <usize>row * rowBytes;
    const panel = to + bytesOf(row * k);
    if (stepBytes == 4) interleave<f32>(panel, height * 4, from, rowBytes, height, height - 1, k);
    else copySteps<f32>(panel, height * 4, from, stepBytes, height, k);
    row += height;
  }
}

/**
 * Packs `k` x `columns` of B in panels of 8 columns, as f32. Column j, step p is at b + j · columnBytes +
 * p · stepBytes; one of the two strides is the bytes of T.
 */
export function packB<T>(
  to: usize,
  b: usize,
  columns: u32,
  k: u32,
  columnBytes: usize,
  stepBytes: usize,
): void {
  for (let column: u32 = 0; column < columns; column += COLUMNS) {
    const from = b + <usize>column * columnBytes;
    const panel = to + bytesOf(column * k);
    const last = min(COLUMNS, columns - column) - 1;
    if (stepBytes == sizeof<T>()) interleave<T>(panel, 32, from, columnBytes, COLUMNS, last, k);
    else copySteps<T>(panel, 32, from, stepBytes, COLUMNS, k);
  }
}

/** Packs lines that are contiguous in k, transposing 4, 2 or 1 at a time. Lines past the last repeat it. */
function interleave<T>(
  to: usize,
  step: usize,
  from: usize,
  lineBytes: usize,
  lines: u32,
  last: u32,
  k: u32,
): void {
  let line: u32 = 0;
  for (; line + 4 <= lines; line += 4) {
    const l0 = from + <usize>min(line, last) * lineBytes;
    const l1 = from + <usize>min(line + 1, last) * lineBytes;
    const l2 = from + <usize>min(line + 2, last) * lineBytes;
    const l3 = from + <usize>min(line + 3, last) * lineBytes;
    interleave4<T>(to + bytesOf(line), step, l0, l1, l2, l3, k);
  }
  if (line + 2 <= lines) {
    const l0 = from + <usize>min(line, last) * lineBytes;
    const l1 = from + <usize>min(line + 1, last) * lineBytes;
    interleave2<T>(to + bytesOf(line), step, l0, l1, k);
    line += 2;
  }
  if (line < lines) {
    interleave1<T>(to + bytesOf(line), step, from + <usize>line * lineBytes, k);
  }
}

function interleave4<T>(
  to: usize,
  step: usize,
  l0: usize,
  l1: usize,
  l2: usize,
  l3: usize,
  k: u32,
): void {
  const four: usize = 4 * sizeof<T>(), whole = <usize>(k & ~3) * sizeof<T>();
  const bytes = <usize>k * sizeof<T>();
  let at: usize = 0;
  for (; at < whole; at += four, to += 4 * step) {
    const x0 = loadFour<T>(l0 + at), x1 = loadFour<T>(l1 + at);
    const x2 = loadFour<T>(l2 + at), x3 = loadFour<T>(l3 + at);
    const low01 = i32x4.shuffle(x0, x1, 0, 4, 1, 5), high01 = i32x4.shuffle(x0, x1, 2, 6, 3, 7);
    const low23 = i32x4.shuffle(x2, x3, 0, 4, 1, 5), high23 = i32x4.shuffle(x2, x3, 2, 6, 3, 7);
    v128.store(to, i64x2.shuffle(low01, low23, 0, 2));
    v128.store(to + step, i64x2.shuffle(low01, low23, 1, 3));
    v128.store(to + 2 * step, i64x2.shuffle(high01, high23, 0, 2));
    v128.store(to + 3 * step, i64x2.shuffle(high01, high23, 1, 3));
  }
  for (; at < bytes; at += sizeof<T>(), to += step) {
    store<f32>(to, loadOne<T>(l0 + at));
    store<f32>(to, loadOne<T>(l1 + at), 4);
    store<f32>(to, loadOne<T>(l2 + at), 8);
    store<f32>(to, loadOne<T>(l3 + at), 12);
  }
}

function interleave2<T>(to: usize, step: usize, l0: usize, l1: usize, k: u32): void {
  const four: usize = 4 * sizeof<T>(), whole = <usize>(k & ~3) * sizeof<T>();
  const bytes = <usize>k * sizeof<T>();
  let at: usize = 0;
  for (; at < whole; at += four, to += 4 * step) {
    const x0 = loadFour<T>(l0 + at), x1 = loadFour<T>(l1 + at);
    const low = i32x4.shuffle(x0, x1, 0, 4, 1, 5), high = i32x4.shuffle(x0, x1, 2, 6, 3, 7);
    v128.store64_lane(to, low, 0);
    v128.store64_lane(to + step, low, 1);
    v128.store64_lane(to + 2 * step, high, 0);
    v128.store64_lane(to + 3 * step, high, 1);
  }
  for (; at < bytes; at += sizeof<T>(), to += step) {
    store<f32>(to, loadOne<T>(l0 + at));
    store<f32>(to, loadOne<T>(l1 + at), 4);
  }
}

function interleave1<T>(to: usize, step: usize, from: usize, k: u32): void {
  const end = from + <usize>k * sizeof<T>();
  for (; from < end; from += sizeof<T>(), to += step) store<f32>(to, loadOne<T>(from));
}

/** Packs lines whose steps are already contiguous; other storage than f32 only in panels of 8. */
function copySteps<T>(
  to: usize,
  width: usize,
  from: usize,
  stepBytes: usize,
  lines: u32,
  k: u32,
): void {
  for (; k > 0; k--, to += width, from += stepBytes) {
    if (lines >= 4) v128.store(to, loadFour<T>(from));
    if (lines == 8) v128.store(to, loadFour<T>(from + 4 * sizeof<T>()), 16);
    else if (lines == 6) store<u64>(to, load<u64>(from, 16), 16);
    else if (lines == 2) store<u64>(to, load<u64>(from));
    else if (lines == 1) store<u32>(to, load<u32>(from));
  }
}
