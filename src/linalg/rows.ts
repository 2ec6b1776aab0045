/** The inner loops over rows of matrices, where everything else spends its time. @module */

/** y[at + i] += factor · x[from + i] for `length` values. */
export function addRow(
  y: Float64Array,
  at: number,
  x: Float64Array,
  from: number,
  length: number,
  factor: number,
): void {
  if (factor === 0) return;
  for (let i = 0; i < length; i++) y[at + i] += factor * x[from + i];
}

/** Σ x[at + i] · y[from + i], in four sums, as a single one would wait for each addition. */
export function dot(
  x: Float64Array,
  at: number,
  y: Float64Array,
  from: number,
  length: number,
): number {
  let s0 = 0, s1 = 0, s2 = 0, s3 = 0, i = 0;
  for (; i + 3 < length; i += 4) {
    s0 += x[at + i] * y[from + i];
    s1 += x[at + i + 1] * y[from + i + 1];
    s2 += x[at + i + 2] * y[from + i + 2];
    s3 += x[at + i + 3] * y[from + i + 3];
  }
  for (; i < length; i++) s0 += x[at + i] * y[from + i];
  return (s0 + s1) + (s2 + s3);
}

/** The products of two rows that begin at x and y with four that begin `stride` apart: those of x, then those of y. */
export function dotFour(
  data: Float64Array,
  x: number,
  y: number,
  from: number,
  stride: number,
  length: number,
  sums: Float64Array,
): void {
  const a = from, b = a + stride, c = b + stride, d = c + stride;
  let xa = 0, xb = 0, xc = 0, xd = 0, ya = 0, yb = 0, yc = 0, yd = 0;
  for (let i = 0; i < length; i++) {
    const left = data[x + i], right = data[y + i];
    const p = data[a + i], q = data[b + i], r = data[c + i], s = data[d + i];
    xa += left * p;
    xb += left * q;
    xc += left * r;
    xd += left * s;
    ya += right * p;
    yb += right * q;
    yc += right * r;
    yd += right * s;
  }
  sums[0] = xa, sums[1] = xb, sums[2] = xc, sums[3] = xd;
  sums[4] = ya, sums[5] = yb, sums[6] = yc, sums[7] = yd;
}

/**
 * Subtracts from the rows that begin at x and y four that begin `stride` apart, times the first and the last four
 * factors.
 */
export function subtractFour(
  data: Float64Array,
  x: number,
  y: number,
  from: number,
  stride: number,
  length: number,
  factors: Float64Array,
): void {
  const a = from, b = a + stride, c = b + stride, d = c + stride;
  // Not destructured, which would make an iterator for every call.
  const xa = factors[0], xb = factors[1], xc = factors[2], xd = factors[3];
  const ya = factors[4], yb = factors[5], yc = factors[6], yd = factors[7];
  for (let i = 0; i < length; i++) {
    const p = data[a + i], q = data[b + i], r = data[c + i], s = data[d + i];
    data[x + i] -= (xa * p + xb * q) + (xc * r + xd * s);
    data[y + i] -= (ya * p + yb * q) + (yc * r + yd * s);
  }
}

/** (x, y) ← (cosine x − sine y, sine x + cosine y) for the rows of `data` that begin at p and q. */
export function rotateRows(
  data: Float64Array,
  p: number,
  q: number,
  length: number,
  cosine: number,
  sine: number,
): void {
  for (let i = 0; i < length; i++) {
    const x = data[p + i], y = data[q + i];
    data[p + i] = cosine * x - sine * y;
    data[q + i] = sine * x + cosine * y;
  }
}
