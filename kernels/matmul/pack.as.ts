/** Packing: copies of blocks in the order in which the innermost loop reads them. */

import { loadFour, loadOne } from "../float16/widen.as";
import { bytesOf, storeTransposed } from "../simd/vector.as";
import { COLUMNS, TILE_ROWS } from "./micro.as";

const LINE: u32 = 16; // floats of a cache line

/**
 * Packs `rows` x `k` of A in panels of 4 rows. Row i, step p is at a + i · rowBytes + p · stepBytes; one of
 * the two strides is 4. Rows past the last hold anything.
 */
export function packA(
  to: usize,
  a: usize,
  rows: u32,
  k: u32,
  rowBytes: usize,
  stepBytes: usize,
): void {
  if (stepBytes != 4) return copySteps<f32>(to, a, stepBytes, TILE_ROWS, rows, k);
  for (let row: u32 = 0; row < rows; row += TILE_ROWS) {
    const from = a + <usize>row * rowBytes, panel = to + bytesOf(row * k), last = rows - row - 1;
    interleave<f32>(panel, 4 * TILE_ROWS, from, rowBytes, 0, last, k);
  }
}

/**
 * Packs `k` x `columns` of B in panels of 8 columns, as f32. Column j, step p is at b + j · columnBytes +
 * p · stepBytes; one of the two strides is the bytes of T. Columns past the last hold anything.
 */
export function packB<T>(
  to: usize,
  b: usize,
  columns: u32,
  k: u32,
  columnBytes: usize,
  stepBytes: usize,
): void {
  if (stepBytes != sizeof<T>()) return copySteps<T>(to, b, stepBytes, COLUMNS, columns, k);
  for (let column: u32 = 0; column < columns; column += COLUMNS) {
    const from = b + <usize>column * columnBytes, panel = to + bytesOf(column * k);
    const last = columns - column - 1;
    interleave<T>(panel, 4 * COLUMNS, from, columnBytes, 0, last, k);
    interleave<T>(panel + 16, 4 * COLUMNS, from, columnBytes, 4, last, k);
  }
}

/** Transposes four lines that are contiguous in k, from line `first`. Lines past the last repeat it. */
function interleave<T>(
  to: usize,
  step: usize,
  from: usize,
  lineBytes: usize,
  first: u32,
  last: u32,
  k: u32,
): void {
  const l0 = from + <usize>min(first, last) * lineBytes;
  const l1 = from + <usize>min(first + 1, last) * lineBytes;
  const l2 = from + <usize>min(first + 2, last) * lineBytes;
  const l3 = from + <usize>min(first + 3, last) * lineBytes;
  const four: usize = 4 * sizeof<T>(), whole = <usize>(k & ~3) * sizeof<T>();
  const bytes = <usize>k * sizeof<T>();
  let at: usize = 0;
  for (; at < whole; at += four, to += 4 * step) {
    const x0 = loadFour<T>(l0 + at), x1 = loadFour<T>(l1 + at);
    const x2 = loadFour<T>(l2 + at), x3 = loadFour<T>(l3 + at);
    storeTransposed(to, step, x0, x1, x2, x3);
  }
  for (; at < bytes; at += sizeof<T>(), to += step) {
    store<f32>(to, loadOne<T>(l0 + at));
    store<f32>(to, loadOne<T>(l1 + at), 4);
    store<f32>(to, loadOne<T>(l2 + at), 8);
    store<f32>(to, loadOne<T>(l3 + at), 12);
  }
}

/** Packs `count` lines whose steps are already contiguous, in panels of `lines`, 4 or 8. */
function copySteps<T>(to: usize, from: usize, stepBytes: usize, lines: u32, count: u32, k: u32): void {
  let line: u32 = 0;
  for (; line + LINE <= count; line += LINE) {
    copyLine<T>(to + bytesOf(line * k), from + line * sizeof<T>(), stepBytes, lines, k);
  }
  for (; line < count; line += lines) {
    copyPanel<T>(to + bytesOf(line * k), from + line * sizeof<T>(), stepBytes, lines, k);
  }
}

/**
 * All panels of 16 lines at once: a step of them is a cache line, and steps that are a power of two apart
 * push each other out of the cache before the next panel would come.
 */
function copyLine<T>(to: usize, from: usize, stepBytes: usize, lines: u32, k: u32): void {
  const panel = bytesOf(lines * k), step = bytesOf(lines), four: usize = 4 * sizeof<T>();
  const second: usize = lines == 8 ? 16 : panel, third: usize = lines == 8 ? panel : 2 * panel;
  for (; k > 0; k--, to += step, from += stepBytes) {
    v128.store(to, loadFour<T>(from));
    v128.store(to + second, loadFour<T>(from + four));
    v128.store(to + third, loadFour<T>(from + 2 * four));
    v128.store(to + third + second, loadFour<T>(from + 3 * four));
  }
}

/** One panel. */
function copyPanel<T>(to: usize, from: usize, stepBytes: usize, lines: u32, k: u32): void {
  for (; k > 0; k--, to += bytesOf(lines), from += stepBytes) {
    v128.store(to, loadFour<T>(from));
    if (lines == 8) v128.store(to, loadFour<T>(from + 4 * sizeof<T>()), 16);
  }
}
