/** Initial positions of an encoder, and heads that look at neighbors by them. @module */

import type { Shape } from "../core/shape.ts";

/** How sharply the first heads look: more, and they could hardly learn to look elsewhere. */
const gain = 1.5;

/**
 * Positions (positions, width): in the columns of each head with D columns, cosines and sines of the angles
 * π (j + ½) p / (D / 2) for j = 0, 1, …, of deviation `deviation`. Rows less than D apart are orthogonal there,
 * and a place further on is a rotation of each pair of columns, the same everywhere (Vaswani et al. 2017,
 * section 3.5).
 */
export function fourierPositions(
  [positions, width]: Shape,
  heads: number,
  deviation: number,
): Float32Array {
  return Float32Array.from({ length: positions * width }, (_, i) => {
    const column = i % width, angle = frequency(column, width / heads) * Math.floor(i / width);
    return deviation * Math.SQRT2 * (column % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
  });
}

/** The angle from one position to the next, in a column. */
const frequency = (column: number, columns: number): number =>
  Math.PI * (Math.floor(column % columns / 2) + 0.5) / (columns / 2);

/** Where a head looks at first: −1, 1, −2, 2, … */
const offsetOf = (head: number): number => (head % 2 === 0 ? -1 : 1) * (Math.floor(head / 2) + 1);

/** A query projection (width, width): a multiple of the identity. */
export function plainQueries(width: number): Float32Array {
  return Float32Array.from({ length: width * width }, (_, i) => i % (width + 1) === 0 ? gain : 0);
}

/**
 * A key projection (width, width) by which each head looks at one place before or after its own: it turns the
 * positions of {@link fourierPositions} back by as many.
 */
export function turnedKeys(width: number, heads: number): Float32Array {
  const keys = new Float32Array(width * width), columns = width / heads;
  for (let even = 0; even < width; even += 2) {
    const angle = frequency(even, columns) * offsetOf(Math.floor(even / columns));
    const [cosine, sine] = [gain * Math.cos(angle), gain * Math.sin(angle)], odd = even + 1;
    keys[even * width + even] = cosine;
    keys[even * width + odd] = sine;
    keys[odd * width + even] = -sine;
    keys[odd * width + odd] = cosine;
  }
  return keys;
}
