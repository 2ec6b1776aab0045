/** layer_norm_forward. */

import { sumOf, sumOfSquares } from "../simd/sums.as";
import { bytesOf, madd, splat, storeUntil, VECTOR } from "../simd/vector.as";

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
  const bytes = bytesOf(width);
  for (let row: usize = begin; row < end; row++) {
    const from = x + row * bytes, mu = <f32>(sumOf(from, width) / <f64>width);
    const variance = sumOfSquares(from, width, mu) / <f64>width;
    const scale = <f32>(1 / sqrt(variance + <f64>epsilon));
    normalizeRow(from, weight, bias, y + row * bytes, bytes, splat(mu), splat(scale));
    store<f32>(mean + row * 4, mu);
    store<f32>(inverseDeviation + row * 4, scale);
  }
}

function normalizeRow(
  x: usize,
  weight: usize,
  bias: usize,
  y: usize,
  bytes: usize,
  mu: v128,
  scale: v128,
): void {
  for (let at: usize = 0; at < bytes; at += VECTOR) {
    const normal = f32x4.mul(f32x4.sub(v128.load(x + at), mu), scale);
    const result = madd(normal, v128.load(weight + at), v128.load(bias + at));
    storeUntil(y + bytes, y + at, result);
  }
}
