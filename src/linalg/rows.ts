/** Loops over rows of small matrices, which are not worth a copy to the memory of `openRows`. @module */

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
