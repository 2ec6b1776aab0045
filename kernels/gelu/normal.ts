/** The standard normal distribution in float64. @module */

/** φ(x) = e^(-x²/2) / √(2π). */
export function normalDensity(x: number): number {
  return Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
}

/**
 * Φ(x), to a few units in the last place of 1, and below 0 relatively to 1e-13: near 0 by ½ + φ(x) (x +
 * x³/3 + x⁵/15 + …) (Marsaglia 2004, equation 2), beyond by the continued fraction of the tail, φ(v) / (v +
 * 1 / (v + 2 / (v + …))).
 */
export function normalCdf(x: number): number {
  const v = Math.abs(x);
  if (v < 2.5) return 0.5 + Math.sign(x) * normalDensity(v) * series(v);
  let fraction = v;
  for (let n = 200; n > 0; n--) fraction = v + n / fraction;
  const tail = normalDensity(v) / fraction;
  return x < 0 ? tail : 1 - tail;
}

function series(v: number): number {
  let sum = v, term = v;
  for (let odd = 3; odd < 100; odd += 2) sum += term *= v * v / odd;
  return sum;
}
