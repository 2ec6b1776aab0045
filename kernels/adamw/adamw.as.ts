/** adamw. */

import { bytesOf, madd, splat, storeUntil, VECTOR } from "../simd/vector.as";

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
  const clip = splat(clipFactor(norm, maxNorm)), b1 = splat(beta1), b2 = splat(beta2);
  const c1 = splat(complement1), c2 = splat(complement2), tiny = splat(epsilon);
  const rate = splat(-learningRate / correction1), inverse2 = splat(1 / correction2);
  const kept = splat(keep), last = bytesOf(end);
  for (let at = bytesOf(begin); at < last; at += VECTOR) {
    const g = f32x4.mul(v128.load(gradient + at), clip);
    const m = madd(b1, v128.load(first + at), f32x4.mul(c1, g));
    const v = madd(b2, v128.load(second + at), f32x4.mul(f32x4.mul(c2, g), g));
    const root = f32x4.add(f32x4.sqrt(f32x4.mul(v, inverse2)), tiny);
    const old = f32x4.mul(v128.load(parameter + at), kept);
    storeUntil(first + last, first + at, m);
    storeUntil(second + last, second + at, v);
    storeUntil(parameter + last, parameter + at, madd(rate, f32x4.div(m, root), old));
  }
}

/** A NaN norm yields a NaN factor, so that a broken gradient shows. */
function clipFactor(norm: usize, maxNorm: f32): f32 {
  if (!(maxNorm > 0)) return 1;
  const factor = maxNorm / (load<f32>(norm) + <f32>1e-6);
  return factor >= 1 ? 1 : factor;
}
