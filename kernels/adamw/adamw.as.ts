/** adamw. */

import { LANES, madd, splat, storePart } from "../simd/vector.as";

export function adamw(
  parameter: usize,
  gradient: usize,
  first: usize,
  second: usize,
  norm: usize,
  _size: u32,
  learningRate: f32,
  beta1: f32,
  complement1: f32,
  beta2: f32,
  complement2: f32,
  epsilon: f32,
  keep: f32,
  correction1: f32,
  correction2: f32,
  maxNorm: f32,
  begin: u32,
  end: u32,
): void {
  const clip = splat(clipFactor(norm, maxNorm));
  const rate = splat(-learningRate / correction1);
  const inverse2 = splat(1 / correction2);
  for (let i = begin; i < end; i += LANES) {
    const at: usize = <usize>i << 2;
    const g = f32x4.mul(v128.load(gradient + at), clip);
    const m = madd(splat(beta1), v128.load(first + at), f32x4.mul(splat(complement1), g));
    const square = f32x4.mul(f32x4.mul(splat(complement2), g), g);
    const v = madd(splat(beta2), v128.load(second + at), square);
    const root = f32x4.add(f32x4.sqrt(f32x4.mul(v, inverse2)), splat(epsilon));
    const kept = f32x4.mul(v128.load(parameter + at), splat(keep));
    const result = madd(rate, f32x4.div(m, root), kept);
    if (end - i >= LANES) {
      v128.store(first + at, m);
      v128.store(second + at, v);
      v128.store(parameter + at, result);
    } else {
      storePart(first + at, m, end - i);
      storePart(second + at, v, end - i);
      storePart(parameter + at, result, end - i);
    }
  }
}

/** A NaN norm gives a NaN factor, so that a broken gradient is seen. */
function clipFactor(norm: usize, maxNorm: f32): f32 {
  if (!(maxNorm > 0)) return 1;
  const factor = maxNorm / (load<f32>(norm) + <f32>1e-6);
  return factor >= 1 ? 1 : factor;
}
