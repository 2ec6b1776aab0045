/** Rounding blocks of values to a code. @module */

/** How values in [-1, 1] are rounded to a code. */
export interface Rounding {
  /** The middles between neighboring values, ascending. */
  readonly bounds: Float32Array;
  /** The code of each value, from the smallest to the largest. */
  readonly order: Uint8Array;
}

/** Values rounded to codes, one a byte, with the largest magnitude of each block. */
export interface RoundedBlocks {
  /** A code for each value. */
  readonly codes: Uint8Array<ArrayBuffer>;
  /** The largest magnitude of each block. */
  readonly absmax: Float32Array<ArrayBuffer>;
}

/** Rounding to the nearest of a code's values. A middle belongs to the smaller one. */
export function roundingTo(values: Float32Array): Rounding {
  const order = Array.from(values.keys()).sort((a, b) => values[a] - values[b]);
  const pairs = order.slice(1).map((code, i) => [values[order[i]], values[code]]);
  const bounds = Float32Array.from(pairs, ([a, b]) => Math.fround(a + b) / 2);
  return { bounds, order: Uint8Array.from(order) };
}

/** The code of a value, and of what is beyond the largest. */
export function codeOf(value: number, { bounds, order }: Rounding): number {
  let low = 0, high = bounds.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bounds[middle] < value) low = middle + 1;
    else high = middle;
  }
  return order[low];
}

/** A block is divided by no less, so that the reciprocal is finite; a block of zeros keeps its zeros. */
const leastDivisor = Math.fround(1e-38);

/**
 * Divides each block of F32 values by its largest magnitude and rounds to a code: bitsandbytes' bytes, which
 * depend on two of its rules. A whole block is multiplied by the reciprocal, a shorter last one is divided,
 * and the magnitude of the last one is at least 1e-38.
 *
 * @param memory Where the codes are written. Default: new memory.
 */
export function roundBlocks(
  values: Float32Array,
  blockSize: number,
  rounding: Rounding,
  memory: Uint8Array<ArrayBuffer> = new Uint8Array(values.length),
): RoundedBlocks {
  const absmax = new Float32Array(Math.ceil(values.length / blockSize));
  const codes = memory.subarray(0, values.length);
  for (let block = 0; block < absmax.length; block++) {
    const begin = block * blockSize, end = Math.min(begin + blockSize, values.length);
    const isWhole = end - begin === blockSize, largest = largestIn(values, begin, end);
    const divisor = Math.max(largest, leastDivisor), reciprocal = Math.fround(1 / divisor);
    absmax[block] = isWhole ? largest : divisor;
    for (let i = begin; i < end; i++) {
      const scaled = isWhole ? values[i] * reciprocal : values[i] / divisor;
      codes[i] = codeOf(Math.fround(scaled), rounding);
    }
  }
  return { codes, absmax };
}

function largestIn(values: Float32Array, begin: number, end: number): number {
  let largest = 0;
  for (let i = begin; i < end; i++) largest = Math.max(largest, Math.abs(values[i]));
  return largest;
}
