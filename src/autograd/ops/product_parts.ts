/** Cuts of a product whose matrices are larger than what a device's kernel may bind. @module */

import { cutRange, type RowRange } from "../../core/row_range.ts";
import type { Matrix, ProductOptions } from "./product.ts";

/** A product: C = (accumulate ? C : 0) + alpha · (op(A) op(B) + further terms) + bias. */
export interface Product {
  /** A as it is stored. */
  readonly a: Matrix;
  /** B as it is stored. */
  readonly b: Matrix;
  /** C. */
  readonly c: Matrix;
  /** Extents and the rest. */
  readonly options: ProductOptions;
}

/** Elements that a binding's place is a multiple of: 256 bytes, WebGPU's largest alignment. */
const alignment = 64;

/** Whether a device's kernel may bind all of the matrices. */
export function fits({ a, b, c, options: { further } }: Product): boolean {
  const { maxBindingBytes } = c.tensor.device;
  const matrices = [a, b, c, ...(further ? [further.a, further.b] : [])];
  return matrices.every(({ tensor }) => tensor.bytes <= maxBindingBytes);
}

/**
 * The product as several, each on neighbouring rows of what is too large to bind at once: a weight of
 * 12,288 x 12,288 has 604 MB, and some devices bind 128 MiB.
 *
 * Rows of a matrix are rows or columns of C, which are made one after the other, or terms of its sums,
 * which are added up in their order. A bias comes first, by a product of no terms, and so do the zeros of
 * a sum that has none; further terms come last.
 */
export function partsOf(whole: Product): Product[] {
  const { a, b, c, options } = whole;
  const { m, n, k, transposeA, transposeB, bias, accumulate, further } = options;
  const [rowsOfA, rowsOfB, rowsOfC] = [a, b, c].map(mostRows);
  const rows = cutRange(m, transposeA ? rowsOfC : Math.min(rowsOfA, rowsOfC));
  const columns = cutRange(n, transposeB ? rowsOfB : n);
  const terms = cutRange(k, Math.min(transposeA ? rowsOfA : k, transposeB ? k : rowsOfB));
  const starts = bias || k === 0 ? cutRange(m, rowsOfC).map((row) => startOf(whole, row)) : [];
  const rest = { ...options, bias: undefined, further: undefined };
  const partOf = (row: RowRange, column: RowRange, term: RowRange): Product => ({
    a: transposeA ? block(a, term, row) : block(a, row, term),
    b: transposeB ? block(b, column, term) : block(b, term, column),
    c: block(c, row, column),
    options: {
      ...rest,
      m: row.count,
      n: column.count,
      k: term.count,
      accumulate: bias || term.start > 0 ? 1 : accumulate,
    },
  });
  const parts = rows.flatMap((row) =>
    columns.flatMap((column) => terms.map((term) => partOf(row, column, term)))
  );
  if (!further) return [...starts, ...parts];
  const added = { ...rest, k: further.k, accumulate: 1 } as const;
  return [...starts, ...parts, ...partsOf({ a: further.a, b: further.b, c, options: added })];
}

/** Rows of C with the bias, or what they held, or zeros: a product of no terms. */
function startOf({ b, c, options }: Product, row: RowRange): Product {
  const nothing = { tensor: b.tensor.view([0]), stride: 0 };
  return {
    a: nothing,
    b: nothing,
    c: block(c, row, { start: 0, count: options.n }),
    options: { ...options, m: row.count, k: 0, further: undefined },
  };
}

/** Rows of a matrix that one binding holds wherever they begin. */
function mostRows({ tensor, stride }: Matrix): number {
  return Math.max(1, Math.floor((tensor.device.maxBindingBytes / 4 - alignment) / stride));
}

/** A part of a matrix in a view of no more than its rows. */
function block({ tensor, stride, offset = 0 }: Matrix, rows: RowRange, columns: RowRange): Matrix {
  const first = offset + rows.start * stride + columns.start, over = first % alignment;
  const size = over + (rows.count - 1) * stride + columns.count;
  return { tensor: tensor.view([size], first - over), stride, offset: over };
}
