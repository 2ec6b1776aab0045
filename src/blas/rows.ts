/** Our own inner loops over rows of float64, in WebAssembly: what is computed without the system's library. @module */

import { lazily } from "../core/numbers.ts";
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
  transpose(y: number, x: number, rows: number, columns: number): void;
}

/** The loops, and their memory as values. */
export interface RowSpace extends Rows {
  /** The memory, which the next {@link openRows} overwrites. */
  readonly values: Float64Array<ArrayBuffer>;
}

const pageValues = 2 ** 13;

/** Values of the largest memory of WebAssembly, 4 GiB. */
const mostValues = 2 ** 29;

/** A memory up to 64 MiB is kept: the factors of a 7B adapter fit up to rank 256, and new memory costs time. */
const keptValues = 2 ** 23;

/**
 * The program, in the source, so that a synchronous function has it everywhere: in a package, a
 * worker and a browser.
 */
const program = lazily(() => {
  const bytes = Uint8Array.from(atob(rowsProgram), (character) => character.charCodeAt(0));
  return new WebAssembly.Module(bytes);
});

function open(): { memory: WebAssembly.Memory; rows: Rows } {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const { exports } = new WebAssembly.Instance(program(), { env: { memory } });
  return { memory, rows: exports as unknown as Rows };
}

const kept = lazily(open);
let large: WeakRef<ReturnType<typeof open>> | undefined;

/** A memory above 64 MiB is one for all that is computed before the next await, and then free to be collected. */
function openLarge(): ReturnType<typeof open> {
  const found = large?.deref() ?? open();
  large = new WeakRef(found);
  return found;
}

/**
 * The loops, with a memory of at least so many values.
 *
 * @throws {RangeError} when there is no memory of that size.
 */
export function openRows(count: number): RowSpace {
  const { memory, rows } = count <= keptValues ? kept() : openLarge();
  const missing = count - memory.buffer.byteLength / 8;
  if (count > mostValues || (missing > 0 && !grows(memory, Math.ceil(missing / pageValues)))) {
    const rule = `a computation must have room for its values in memory, at most ${mostValues}`;
    throw new RangeError(`without LAPACK, ${rule}, found ${count}`);
  }
  return { ...rows, values: new Float64Array(memory.buffer as ArrayBuffer) };
}

function grows(memory: WebAssembly.Memory, pages: number): boolean {
  try {
    memory.grow(pages);
    return true;
  } catch {
    return false;
  }
}
