/** layer_norm_backward and layer_norm_backward_parameters. */

import { addLine, BLOCK_ROWS, LINE } from "../simd/columns.as";
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
  for (let column = begin; column < end; column += LINE) {
    const to = bytesOf(column), bytes = bytesOf(min(LINE, end - column));
    for (let row: u32 = 0; row < rows; row += BLOCK_ROWS) {
      const at = bytesOf(row * width + column), count = min(BLOCK_ROWS, rows - row);
      const means = mean + bytesOf(row), scales = inverseDeviation + bytesOf(row);
      const held = row > 0 ? 1 : accumulate, stride = bytesOf(width);
      // deno-fmt-ignore
      lineParameters(
        x + at, means, scales, dy + at, stride, count, dWeight + to, dBias + to, bytes, held,
      );
    }
  }
}

/** Σ dy · x̂ and Σ dy over a block's rows, for the columns of a cache line. */
function lineParameters(
  x: usize,
  mean: usize,
  inverseDeviation: usize,
  dy: usize,
  stride: usize,
  rows: u32,
  dWeight: usize,
  dBias: usize,
  bytes: usize,
  held: u32,
): void {
  let w0 = zero(), w1 = zero(), w2 = zero(), w3 = zero();
  let b0 = zero(), b1 = zero(), b2 = zero(), b3 = zero();
  for (; rows > 0; rows--, x += stride, dy += stride, mean += 4, inverseDeviation += 4) {
    const mu = v128.load32_splat(mean), scale = v128.load32_splat(inverseDeviation);
    const g0 = v128.load(dy), g1 = v128.load(dy, 16), g2 = v128.load(dy, 32), g3 = v128.load(dy, 48);
    b0 = f32x4.add(b0, g0), b1 = f32x4.add(b1, g1), b2 = f32x4.add(b2, g2), b3 = f32x4.add(b3, g3);
    w0 = madd(g0, f32x4.mul(f32x4.sub(v128.load(x), mu), scale), w0);
    w1 = madd(g1, f32x4.mul(f32x4.sub(v128.load(x, 16), mu), scale), w1);
    w2 = madd(g2, f32x4.mul(f32x4.sub(v128.load(x, 32), mu), scale), w2);
    w3 = madd(g3, f32x4.mul(f32x4.sub(v128.load(x, 48), mu), scale), w3);
  }
  addLine(dWeight, bytes, w0, w1, w2, w3, held);
  addLine(dBias, bytes, b0, b1, b2, b3, held);
}
