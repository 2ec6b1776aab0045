/** layer_norm_backward and layer_norm_backward_parameters. */

import { addTotals, BLOCK_ROWS, clearTotals, COLUMNS } from "../simd/columns.as";
import { scratch } from "../simd/scratch.as";
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

export function layer_norm_backward(
  x: usize,
  weight: usize,
  mean: usize,
  inverseDeviation: usize,
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
    const at = row * bytes, mu = v128.load32_splat(mean + row * 4);
    const scale = v128.load32_splat(inverseDeviation + row * 4);
    backwardRow(x + at, weight, dy + at, dx + at, bytes, mu, scale, accumulate);
  }
}

function backwardRow(
  x: usize,
  weight: usize,
  dy: usize,
  dx: usize,
  bytes: usize,
  mu: v128,
  scale: v128,
  accumulate: u32,
): void {
  const whole = bytes & ~15;
  let sums = zero(), products = zero();
  for (let at: usize = 0; at < whole; at += VECTOR) {
    const g = f32x4.mul(v128.load(dy + at), v128.load(weight + at));
    const normal = f32x4.mul(f32x4.sub(v128.load(x + at), mu), scale);
    sums = f32x4.add(sums, g);
    products = madd(g, normal, products);
  }
  if (whole < bytes) {
    const seen = firstLanes(<u32>(bytes - whole) >> 2);
    const g = f32x4.mul(v128.load(dy + whole), v128.load(weight + whole));
    const normal = f32x4.mul(f32x4.sub(v128.load(x + whole), mu), scale);
    sums = f32x4.add(sums, v128.and(g, seen));
    products = f32x4.add(products, v128.and(f32x4.mul(g, normal), seen));
  }
  const width = <f32>(bytes >> 2);
  const sum = splat(sumLanes(sums) / width), product = splat(sumLanes(products) / width);
  for (let at: usize = 0; at < bytes; at += VECTOR) {
    const g = f32x4.mul(v128.load(dy + at), v128.load(weight + at));
    const normal = f32x4.mul(f32x4.sub(v128.load(x + at), mu), scale);
    const inner = f32x4.sub(f32x4.sub(g, sum), f32x4.mul(normal, product));
    storeUntil(dx + bytes, dx + at, madd(scale, inner, loadIf(accumulate, dx + at)));
  }
}

export function layer_norm_backward_parameters(
  x: usize,
  mean: usize,
  inverseDeviation: usize,
  dy: usize,
  dWeight: usize,
  dBias: usize,
  rows: u32,
  width: u32,
  accumulate: u32,
  begin: u32,
  end: u32,
): void {
  for (let first = begin; first < end; first += COLUMNS) {
    const bytes = bytesOf(min(COLUMNS, end - first)), to = bytesOf(first);
    for (let row: u32 = 0; row < rows; row += BLOCK_ROWS) {
      const at = bytesOf(row * width + first), count = min(BLOCK_ROWS, rows - row);
      const means = mean + bytesOf(row), scales = inverseDeviation + bytesOf(row);
      blockParameters(x + at, means, scales, dy + at, bytes, count, bytesOf(width));
      const held = row > 0 ? 1 : accumulate;
      addTotals(dWeight + to, scratch(0), bytes, held);
      addTotals(dBias + to, scratch(bytesOf(COLUMNS)), bytes, held);
    }
  }
}

/** Σ dy · x̂ and Σ dy over a block's rows, into scratch. */
function blockParameters(
  x: usize,
  mean: usize,
  inverseDeviation: usize,
  dy: usize,
  bytes: usize,
  rows: u32,
  stride: usize,
): void {
  const weights = scratch(0), biases = scratch(bytesOf(COLUMNS));
  clearTotals(weights, bytes);
  clearTotals(biases, bytes);
  for (; rows > 0; rows--, x += stride, dy += stride, mean += 4, inverseDeviation += 4) {
    const mu = v128.load32_splat(mean), scale = v128.load32_splat(inverseDeviation);
    for (let at: usize = 0; at < bytes; at += VECTOR) {
      const g = v128.load(dy + at);
      const normal = f32x4.mul(f32x4.sub(v128.load(x + at), mu), scale);
      v128.store(weights + at, madd(g, normal, v128.load(weights + at)));
      v128.store(biases + at, f32x4.add(v128.load(biases + at), g));
    }
  }
}
