/** layer_norm_forward, layer_norm_backward and layer_norm_backward_parameters. */

import { BLOCK, loadMasked, sumBlocks } from "../simd/sums.as";
import { firstLanes, loadIf, madd, splat, storePart, sumLanes, VECTOR, zero } from "../simd/vector.as";

export function layer_norm_forward(
  x: usize,
  weight: usize,
  bias: usize,
  y: usize,
  mean: usize,
  inverseDeviation: usize,
  _rows: u32,
  width: u32,
  epsilon: f32,
  begin: u32,
  end: u32,
): void {
  const bytes: usize = <usize>width << 2;
  for (let row = begin; row < end; row++) {
    const from: usize = x + row * bytes;
    const mu = <f32>(sumBlocks(from, width) / <f64>width);
    const variance = centredSquares(from, width, mu) / <f64>width;
    const scale = <f32>(1 / sqrt(variance + <f64>epsilon));
    normaliseRow(from, weight, bias, y + row * bytes, bytes, mu, scale);
    store<f32>(mean + (<usize>row << 2), mu);
    store<f32>(inverseDeviation + (<usize>row << 2), scale);
  }
}

/** Σ (x - μ)². */
function centredSquares(x: usize, width: u32, mu: f32): f64 {
  let total: f64 = 0;
  const mus = splat(mu), end: usize = x + (<usize>width << 2);
  while (x < end) {
    const last = min(end, x + (BLOCK << 2));
    let sum = zero();
    for (; x + VECTOR <= last; x += VECTOR) {
      const centred = f32x4.sub(v128.load(x), mus);
      sum = madd(centred, centred, sum);
    }
    if (x < last) {
      const kept = firstLanes(<u32>(last - x) >> 2);
      const centred = v128.and(f32x4.sub(v128.load(x), mus), kept);
      sum = madd(centred, centred, sum);
      x = last;
    }
    total += sumLanes(sum);
  }
  return total;
}

function normaliseRow(
  x: usize,
  weight: usize,
  bias: usize,
  y: usize,
  bytes: usize,
  mu: f32,
  scale: f32,
): void {
  const mus = splat(mu), scales = splat(scale);
  for (let at: usize = 0; at < bytes; at += VECTOR) {
    const normal = f32x4.mul(f32x4.sub(v128.load(x + at), mus), scales);
    const result = madd(normal, v128.load(weight + at), v128.load(bias + at));
    if (at + VECTOR <= bytes) v128.store(y + at, result);
    else storePart(y + at, result, <u32>(bytes - at) >> 2);
  }
}

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
  const bytes: usize = <usize>width << 2;
  for (let row = begin; row < end; row++) {
    const mu = load<f32>(mean + (<usize>row << 2));
    const scale = load<f32>(inverseDeviation + (<usize>row << 2));
    const at: usize = row * bytes;
    backwardRow(x + at, weight, dy + at, dx + at, bytes, splat(mu), splat(scale), accumulate);
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
  let sums = zero(), products = zero();
  for (let at: usize = 0; at < bytes; at += VECTOR) {
    const g = f32x4.mul(loadMasked(dy + at, dy + bytes), loadMasked(weight + at, weight + bytes));
    const normal = f32x4.mul(f32x4.sub(loadMasked(x + at, x + bytes), mu), scale);
    sums = f32x4.add(sums, g);
    products = madd(g, normal, products);
  }
  const width = <f32>(bytes >> 2);
  const sum = splat(sumLanes(sums) / width), product = splat(sumLanes(products) / width);
  for (let at: usize = 0; at < bytes; at += VECTOR) {
    const g = f32x4.mul(v128.load(dy + at), v128.load(weight + at));
    const normal = f32x4.mul(f32x4.sub(v128.load(x + at), mu), scale);
    const inner = f32x4.sub(f32x4.sub(g, sum), f32x4.mul(normal, product));
    const result = madd(scale, inner, loadIf(accumulate, dx + at));
    if (at + VECTOR <= bytes) v128.store(dx + at, result);
    else storePart(dx + at, result, <u32>(bytes - at) >> 2);
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
  const stride: usize = <usize>width << 2, last: usize = <usize>end << 2;
  for (let column: usize = <usize>begin << 2; column < last; column += VECTOR) {
    let weights = zero(), biases = zero();
    let at: usize = column;
    for (let row: usize = 0; row < <usize>rows << 2; row += 4, at += stride) {
      const g = v128.load(dy + at);
      const centred = f32x4.sub(v128.load(x + at), v128.load32_splat(mean + row));
      weights = madd(g, f32x4.mul(centred, v128.load32_splat(inverseDeviation + row)), weights);
      biases = f32x4.add(biases, g);
    }
    weights = f32x4.add(weights, loadIf(accumulate, dWeight + column));
    biases = f32x4.add(biases, loadIf(accumulate, dBias + column));
    storeColumns(dWeight + column, weights, last - column);
    storeColumns(dBias + column, biases, last - column);
  }
}

function storeColumns(at: usize, x: v128, bytes: usize): void {
  if (bytes >= VECTOR) v128.store(at, x);
  else storePart(at, x, <u32>bytes >> 2);
}
