/** rms_norm_forward, rms_norm_backward and rms_norm_backward_weight. */

import { addTotals, BLOCK_ROWS, clearTotals, COLUMNS } from "../simd/columns.as";
import { scratch } from "../simd/scratch.as";
import { sumOfSquares } from "../simd/sums.as";
import {
  bytesOf,
  firstLanes,
  loadIf,
  madd,
  splat,
  storeUntil,
  sumLanes,
  VECTOR,
  zero,
} from "../simd/vector.as";

export function rms_norm_forward(
  x: usize,
  weight: usize,
  y: usize,
  inverseRoot: usize,
  _rows: u32,
  width: u32,
  epsilon: f32,
  begin: u32,
  end: u32,
): void {
  const bytes = bytesOf(width);
  for (let row: usize = begin; row < end; row++) {
    const from = x + row * bytes, to = y + row * bytes;
    const square = sumOfSquares(from, width, 0) / <f64>width;
    const root = <f32>(1 / sqrt(square + <f64>epsilon)), scale = splat(root);
    for (let at: usize = 0; at < bytes; at += VECTOR) {
      const normal = f32x4.mul(v128.load(from + at), scale);
      storeUntil(to + bytes, to + at, f32x4.mul(normal, v128.load(weight + at)));
    }
    store<f32>(inverseRoot + row * 4, root);
  }
}

export function rms_norm_backward(
  x: usize,
  weight: usize,
  inverseRoot: usize,
  dy: usize,
  dx: usize,
  _rows: u32,
  width: u32,
  accumulate: u32,
  begin: u32,
  end: u32,
): void {
  const bytes = bytesOf(width);
  for (let row: usize = begin; row < end; row++) {
    const at = row * bytes, scale = v128.load32_splat(inverseRoot + row * 4);
    backwardRow(x + at, weight, dy + at, dx + at, bytes, scale, accumulate);
  }
}

function backwardRow(
  x: usize,
  weight: usize,
  dy: usize,
  dx: usize,
  bytes: usize,
  scale: v128,
  accumulate: u32,
): void {
  const whole = bytes & ~15;
  let products = zero();
  for (let at: usize = 0; at < whole; at += VECTOR) {
    const g = f32x4.mul(v128.load(dy + at), v128.load(weight + at));
    products = madd(g, f32x4.mul(v128.load(x + at), scale), products);
  }
  if (whole < bytes) {
    const g = f32x4.mul(v128.load(dy + whole), v128.load(weight + whole));
    const product = f32x4.mul(g, f32x4.mul(v128.load(x + whole), scale));
    products = f32x4.add(products, v128.and(product, firstLanes(<u32>(bytes - whole) >> 2)));
  }
  const mean = splat(sumLanes(products) / <f32>(bytes >> 2));
  for (let at: usize = 0; at < bytes; at += VECTOR) {
    const g = f32x4.mul(v128.load(dy + at), v128.load(weight + at));
    const inner = f32x4.sub(g, f32x4.mul(f32x4.mul(v128.load(x + at), scale), mean));
    storeUntil(dx + bytes, dx + at, madd(scale, inner, loadIf(accumulate, dx + at)));
  }
}

export function rms_norm_backward_weight(
  x: usize,
  inverseRoot: usize,
  dy: usize,
  dWeight: usize,
  rows: u32,
  width: u32,
  accumulate: u32,
  begin: u32,
  end: u32,
): void {
  for (let first = begin; first < end; first += COLUMNS) {
    const bytes = bytesOf(min(COLUMNS, end - first)), to = dWeight + bytesOf(first);
    for (let row: u32 = 0; row < rows; row += BLOCK_ROWS) {
      const at = bytesOf(row * width + first), count = min(BLOCK_ROWS, rows - row);
      blockWeights(x + at, inverseRoot + bytesOf(row), dy + at, bytes, count, bytesOf(width));
      addTotals(to, scratch(0), bytes, row > 0 ? 1 : accumulate);
    }
  }
}

/** Σ dy · x̂ over a block's rows, into scratch. */
function blockWeights(
  x: usize,
  inverseRoot: usize,
  dy: usize,
  bytes: usize,
  rows: u32,
  stride: usize,
): void {
  const totals = scratch(0);
  clearTotals(totals, bytes);
  for (; rows > 0; rows--, x += stride, dy += stride, inverseRoot += 4) {
    const scale = v128.load32_splat(inverseRoot);
    for (let at: usize = 0; at < bytes; at += VECTOR) {
      const normal = f32x4.mul(v128.load(x + at), scale);
      v128.store(totals + at, madd(v128.load(dy + at), normal, v128.load(totals + at)));
    }
  }
}
