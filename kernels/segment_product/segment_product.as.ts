/** segment_product. */

import { dotRows, FEW_ROWS } from "../matmul/dot_rows.as";
import { BLOCK_B, DEPTH, gemm, gemmPacked, PACKED_B } from "../matmul/gemm.as";
import { COLUMNS } from "../matmul/micro.as";
import { packB } from "../matmul/pack.as";
import { scratch } from "../simd/scratch.as";
import { bytesOf, LANES, loadIf, madd, splat, storePart, VECTOR, zero } from "../simd/vector.as";

/** Up to this many rows of a group, packing its matrices takes longer than reading them in place. */
const DIRECT_ROWS: u32 = 4;

/** Bytes of a piece and of a part. */
const PIECE: usize = 12;
const PART: usize = 20;

/** A unit is a row of A. Pieces of a group are neighbors, so that its matrices are packed once. */
export function segment_product(
  a: usize,
  b: usize,
  pieces: usize,
  parts: usize,
  factors: usize,
  c: usize,
  rows: u32,
  time: u32,
  pieceCount: u32,
  _groups: u32,
  partCount: u32,
  tokens: u32,
  aStride: u32,
  cStride: u32,
  transposeB: u32,
  accumulate: u32,
  _mostN: u32,
  _mostK: u32,
  begin: u32,
  end: u32,
): void {
  const last = pieces + <usize>pieceCount * PIECE, few: u32 = transposeB && tokens <= FEW_ROWS ? 1 : 0;
  const aRow = bytesOf(aStride), cRow = bytesOf(cStride);
  let next: usize = 0;
  for (let piece = pieces; piece < last; piece = next) {
    const group = load<u32>(piece, 8);
    next = piece + PIECE;
    while (next < last && load<u32>(next, 8) == group) next += PIECE;
    const until = next < last ? load<u32>(next) : rows;
    if (until * time <= begin || load<u32>(piece) * time >= end) continue;
    for (let part = group * partCount; part < (group + 1) * partCount; part++) {
      const at = parts + <usize>part * PART, n = load<u32>(at), k = load<u32>(at, 4);
      if (n == 0) continue;
      const x = a + bytesOf(load<u32>(at, 8)), y = b + bytesOf(load<u32>(at, 12));
      const to = c + bytesOf(load<u32>(at, 16)), factor = load<f32>(factors + bytesOf(part));
      const direct = transposeB && (until - load<u32>(piece)) * time <= DIRECT_ROWS;
      const packed = !few && !direct && fits(n, k);
      if (packed) pack(n, k, y, transposeB);
      for (let one = piece; one < next; one += PIECE) {
        const before = load<u32>(one) * time;
        const after = (one + PIECE < last ? load<u32>(one + PIECE) : rows) * time;
        const low = max(begin, before), high = min(end, after);
        if (low >= high) continue;
        const m = high - low, row: usize = load<u32>(one, 4) * time + low - before;
        const from = x + row * aRow, into = to + row * cRow;
        if (few) dotRows<f32>(m, n, k, from, aRow, y, bytesOf(k), into, cRow, factor, 0, accumulate);
        else if (direct) directRows(m, n, k, from, aRow, y, into, cRow, factor, accumulate);
        else if (packed) multiply(m, n, k, from, aRow, into, cRow, factor, accumulate);
        else whole(m, n, k, from, aRow, y, transposeB, into, cRow, factor, accumulate);
      }
    }
  }
}

/** Columns of whole panels. */
// @ts-ignore: decorator
@inline function panelColumns(n: u32): u32 {
  return (n + COLUMNS - 1) / COLUMNS * COLUMNS;
}

/** True if a matrix is packed as a whole. */
// @ts-ignore: decorator
@inline function fits(n: u32, k: u32): bool {
  return k > 0 && <u64>panelColumns(n) * k <= BLOCK_B;
}

// @ts-ignore: decorator
@inline function columnBytes(k: u32, transposeB: u32): usize {
  return transposeB ? bytesOf(k) : 4;
}

// @ts-ignore: decorator
@inline function stepBytes(n: u32, transposeB: u32): usize {
  return transposeB ? 4 : bytesOf(n);
}

/** Address of the block that begins at a term: gemm's blocks, one after another. */
// @ts-ignore: decorator
@inline function blockAt(n: u32, term: u32): usize {
  return scratch(PACKED_B) + bytesOf(panelColumns(n) * term);
}

function pack(n: u32, k: u32, b: usize, transposeB: u32): void {
  const column = columnBytes(k, transposeB), step = stepBytes(n, transposeB);
  for (let term: u32 = 0; term < k; term += DEPTH) {
    packB<f32>(blockAt(n, term), b + <usize>term * step, n, min(DEPTH, k - term), column, step);
  }
}

/** Rows times the packed matrix, block by block as in gemm. */
function multiply(
  m: u32,
  n: u32,
  k: u32,
  a: usize,
  aRow: usize,
  c: usize,
  cRow: usize,
  factor: f32,
  held: u32,
): void {
  for (let term: u32 = 0; term < k; term += DEPTH) {
    const depth = min(DEPTH, k - term), keep = term == 0 ? held : 1, from = a + bytesOf(term);
    gemmPacked(m, n, depth, from, aRow, 4, blockAt(n, term), depth, c, cRow, factor, 0, keep);
  }
}

/** Rows times a matrix that is packed part by part. */
function whole(
  m: u32,
  n: u32,
  k: u32,
  a: usize,
  aRow: usize,
  b: usize,
  transposeB: u32,
  c: usize,
  cRow: usize,
  factor: f32,
  held: u32,
): void {
  const column = columnBytes(k, transposeB), step = stepBytes(n, transposeB);
  gemm<f32>(m, n, k, a, aRow, 4, b, column, step, c, cRow, factor, 0, held);
}

/**
 * Rows times a matrix in place, whose columns are contiguous in k: four at a time, transposed in registers, so
 * that every element is one chain in the order of k, in the blocks of gemm.
 */
function directRows(
  m: u32,
  n: u32,
  k: u32,
  a: usize,
  aRow: usize,
  b: usize,
  c: usize,
  cRow: usize,
  factor: f32,
  held: u32,
): void {
  const line = bytesOf(k), alpha = splat(factor);
  for (let column: u32 = 0; column < n; column += LANES) {
    const last = n - column - 1, b0 = b + <usize>column * line, b1 = b0 + <usize>min(1, last) * line;
    const b2 = b0 + <usize>min(2, last) * line, b3 = b0 + <usize>min(3, last) * line;
    for (let row: usize = 0; row < m; row++) {
      const x = a + row * aRow, to = c + row * cRow + bytesOf(column);
      let sum = loadIf(held, to), term: u32 = 0;
      do {
        const from = bytesOf(term), depth = min(DEPTH, k - term);
        const dots = fourChains(x + from, b0 + from, b1 + from, b2 + from, b3 + from, depth);
        sum = madd(dots, alpha, f32x4.add(sum, zero()));
        term += DEPTH;
      } while (term < k);
      if (last >= 3) v128.store(to, sum);
      else storePart(to, sum, last + 1);
    }
  }
}

/** The sums of x times four columns, each a chain. */
function fourChains(x: usize, b0: usize, b1: usize, b2: usize, b3: usize, k: u32): v128 {
  let sum = zero();
  const whole = bytesOf(k & ~3), all = bytesOf(k);
  let at: usize = 0;
  for (; at < whole; at += VECTOR) {
    const y0 = v128.load(b0 + at), y1 = v128.load(b1 + at), y2 = v128.load(b2 + at), y3 = v128.load(b3 + at);
    const low01 = i32x4.shuffle(y0, y1, 0, 4, 1, 5), high01 = i32x4.shuffle(y0, y1, 2, 6, 3, 7);
    const low23 = i32x4.shuffle(y2, y3, 0, 4, 1, 5), high23 = i32x4.shuffle(y2, y3, 2, 6, 3, 7);
    sum = madd(v128.load32_splat(x + at), i64x2.shuffle(low01, low23, 0, 2), sum);
    sum = madd(v128.load32_splat(x + at, 4), i64x2.shuffle(low01, low23, 1, 3), sum);
    sum = madd(v128.load32_splat(x + at, 8), i64x2.shuffle(high01, high23, 0, 2), sum);
    sum = madd(v128.load32_splat(x + at, 12), i64x2.shuffle(high01, high23, 1, 3), sum);
  }
  for (; at < all; at += 4) {
    const y = f32x4(load<f32>(b0 + at), load<f32>(b1 + at), load<f32>(b2 + at), load<f32>(b3 + at));
    sum = madd(v128.load32_splat(x + at), y, sum);
  }
  return sum;
}
