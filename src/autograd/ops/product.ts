/** Matrix products for operations: what a linear layer and a low-rank path launch. @module */

import { matmul } from "../../../kernels/matmul/kernel.ts";
import { cutRange, type RowRange } from "../../core/row_range.ts";
import type { Tensor } from "../../device/device.ts";

/** A matrix inside a tensor: row r starts at `offset + r * stride` elements. */
export interface Matrix {
  /** The tensor that holds it. */
  readonly tensor: Tensor;
  /** Elements from one row to the next. */
  readonly stride: number;
  /** First element. Default 0. */
  readonly offset?: number;
}

/** Two matrices whose product is added: the pair's own number of terms, the extents of the first pair. */
export interface MatrixPair {
  /** A2, stored as A is. */
  readonly a: Matrix;
  /** B2, stored as B is. */
  readonly b: Matrix;
  /** Terms of each of its sums. */
  readonly k: number;
}

/** Extents and options of a product. */
export interface ProductOptions {
  /** Rows of C. */
  readonly m: number;
  /** Columns of C. */
  readonly n: number;
  /** Terms of each sum. */
  readonly k: number;
  /** A is stored k x m. */
  readonly transposeA?: boolean;
  /** B is stored n x k. */
  readonly transposeB?: boolean;
  /** Factor of the product. Default 1. */
  readonly alpha?: number;
  /** One value a column, added once. */
  readonly bias?: Tensor;
  /** 1 to add to C. Default 0. */
  readonly accumulate?: 0 | 1;
  /** A second operand pair. */
  readonly second?: MatrixPair;
}

interface Product {
  readonly a: Matrix;
  readonly b: Matrix;
  readonly c: Matrix;
  readonly options: ProductOptions;
}

/** A tensor of two axes as a matrix. */
export function matrix(tensor: Tensor): Matrix {
  return { tensor, stride: tensor.shape[tensor.shape.length - 1] };
}

/**
 * C = (accumulate ? C : 0) + alpha · (op(A) op(B) + op(A2) op(B2)) + bias, in as few launches as the
 * device allows.
 */
export function multiply(a: Matrix, b: Matrix, c: Matrix, options: ProductOptions): void {
  const whole = { a, b, c, options };
  if (fits(whole)) launch(whole);
  else for (const part of partsOf(whole)) launch(part);
}

function launch({ a, b, c, options }: Product): void {
  const { m, n, k, transposeA, transposeB, alpha = 1, bias, accumulate = 0, second } = options;
  const { a: a2, b: b2, k: k2 } = second ?? { a, b, k: 0 };
  c.tensor.device.launch(
    matmul,
    {
      ...{ a: a.tensor, b: b.tensor, a2: a2.tensor, b2: b2.tensor },
      ...{ bias: bias ?? b.tensor, c: c.tensor },
    },
    {
      m,
      n,
      k,
      transposeA: Number(transposeA ?? false),
      transposeB: Number(transposeB ?? false),
      aOffset: a.offset ?? 0,
      aStride: a.stride,
      bOffset: b.offset ?? 0,
      bStride: b.stride,
      cOffset: c.offset ?? 0,
      cStride: c.stride,
      alpha,
      hasBias: bias ? 1 : 0,
      accumulate,
      k2,
      a2Offset: a2.offset ?? 0,
      a2Stride: a2.stride,
      b2Offset: b2.offset ?? 0,
      b2Stride: b2.stride,
    },
  );
}

/** Whether a device's kernel may bind all of the matrices. */
function fits({ a, b, c, options: { second } }: Product): boolean {
  const { maxBindingBytes } = c.tensor.device;
  const matrices = [a, b, c, ...(second ? [second.a, second.b] : [])];
  return matrices.every(({ tensor }) => tensor.bytes <= maxBindingBytes);
}

/**
 * The product as several, each on neighboring rows of what is too large to bind at once: a weight of
 * 12,288 x 12,288 has 604 MB, and some devices bind 128 MiB.
 *
 * Rows of a matrix are rows or columns of C, which are made one after the other, or terms of its sums,
 * which are added in their order. A bias comes first, by a product of no terms, and so do the zeros of
 * a sum that has none; the second pair comes last.
 */
function partsOf(whole: Product): Product[] {
  const { a, b, c, options } = whole;
  const { m, n, k, transposeA, transposeB, bias, accumulate, second } = options;
  const [rowsOfA, rowsOfB, rowsOfC] = [a, b, c].map(mostRows);
  const rows = cutRange(m, transposeA ? rowsOfC : Math.min(rowsOfA, rowsOfC));
  const columns = cutRange(n, transposeB ? rowsOfB : n);
  const terms = cutRange(k, Math.min(transposeA ? rowsOfA : k, transposeB ? k : rowsOfB));
  const starts = bias || k === 0 ? cutRange(m, rowsOfC).map((row) => startOf(whole, row)) : [];
  const rest = { ...options, bias: undefined, second: undefined };
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
  if (!second) return [...starts, ...parts];
  const added = { ...rest, k: second.k, accumulate: 1 } as const;
  return [...starts, ...parts, ...partsOf({ a: second.a, b: second.b, c, options: added })];
}

/** Rows of C with the bias, or what they held, or zeros: a product of no terms. */
function startOf({ b, c, options }: Product, row: RowRange): Product {
  const nothing = { tensor: b.tensor.view([0]), stride: 0 };
  return {
    a: nothing,
    b: nothing,
    c: block(c, row, { start: 0, count: options.n }),
    options: { ...options, m: row.count, k: 0, second: undefined },
  };
}

/** Elements that the offset of a binding is a multiple of: 256 bytes, WebGPU's largest alignment. */
const alignment = 64;

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
