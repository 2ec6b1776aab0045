/** Our own inner loops over rows of float64, in WebAssembly: what is computed without the system's library. @module */

import { lazily } from "../core/lazily.ts";
import { rowsProgram } from "./rows_program.ts";

/** The loops of `rows.as.ts`. Places and lengths count values of the memory. */
export interface Rows {
  /** Σ xᵢ yᵢ. */
  dot(x: number, y: number, length: number): number;
  /** y ← y + factor x. */
  addRow(y: number, x: number, length: number, factor: number): void;
  /** The products of rows x and y with four rows from v on, `stride` apart: those of x, then those of y. */
  dotFour(x: number, y: number, v: number, stride: number, length: number, sums: number): void;
  /** Adds four rows from v on, times the first and the last four factors, to x and y, or to x = y if the last are 0. */
  addFour(x: number, y: number, v: number, stride: number, length: number, factors: number): void;
  /** (x, y) ← (cosine x − sine y, sine x + cosine y). */
  rotateRows(x: number, y: number, length: number, cosine: number, sine: number): void;
  /** The largest |xᵢ| of finite values. */
  largest(x: number, length: number): number;
  /** x ← x · one · other. */
  scale(x: number, length: number, one: number, other: number): void;
  /** y ← xᵀ of `rows` x `columns` values. */
  turn(y: number, x: number, rows: number, columns: number): void;
}

/** The loops, and their memory as values. */
export interface RowSpace extends Rows {
  /** The memory, which the next {@link openRows} overwrites. */
  readonly values: Float64Array<ArrayBuffer>;
}

const pageValues = 2 ** 13;

/** In the source, so that a synchronous function has it everywhere: in a package, a worker and a browser. */
const opened = lazily(() => {
  const bytes = Uint8Array.from(atob(rowsProgram), (character) => character.charCodeAt(0));
  const memory = new WebAssembly.Memory({ initial: 1 });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  return { memory, rows: exports as unknown as Rows };
});

/** The loops, with a memory of at least so many values. It keeps the size of the largest. */
export function openRows(count: number): RowSpace {
  const { memory, rows } = opened(), missing = count - memory.buffer.byteLength / 8;
  if (missing > 0) memory.grow(Math.ceil(missing / pageValues));
  return { ...rows, values: new Float64Array(memory.buffer as ArrayBuffer) };
}
