/** Matrix products for linear layers and low-rank paths. @module */

import { elementBytes } from "../../../kernels/kernel.ts";
import { matmul, matmulBf16, matmulF16 } from "../../../kernels/matmul/kernel.ts";
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

/** A second pair of matrices whose product is added: same m and n as the first pair, its own k. */
export interface MatrixPair {
  /** A2, stored like A. */
  readonly a: Matrix;
  /** B2, stored like B. */
  readonly b: Matrix;
  /** Length of its inner dimension. */
  readonly k: number;
}

/** Extents and options of a product. */
export interface ProductOptions {
  /** Rows of C. */
  readonly m: number;
  /** Columns of C. */
  readonly n: number;
  /** Length of the inner dimension. */
  readonly k: number;
  /** A is stored k x m. */
  readonly transposeA?: boolean;
  /** B is stored n x k. */
  readonly transposeB?: boolean;
  /** Factor of the product. Default 1. */
  readonly alpha?: number;
  /** One value per column, added once. */
  readonly bias?: Tensor;
  /** 1 to add to C. Default 0. */
  readonly accumulate?: 0 | 1;
  /** A second operand pair. */
  readonly second?: MatrixPair;
}

/** The kernel for each storage of B. */
const kernels = { f32: matmul, f16: matmulF16, bf16: matmulBf16 } as const;

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
 * device allows. B may be in 16 bits, all else is F32.
 */
export function multiply(a: Matrix, b: Matrix, c: Matrix, options: ProductOptions): void {
  const whole = { a, b, c, options };
  if (fits(whole)) launch(whole);
  else for (const part of partsOf(whole)) launch(part);
}

function launch({ a, b, c, options }: Product): void {
  const { m, n, k, transposeA, transposeB, alpha = 1, bias, accumulate = 0, second } = options;
  const { a: a2, b: b2, k: k2 } = second ?? { a, b: a, k: 0 };
  c.tensor.device.launch(
    kernels[b.tensor.type as keyof typeof kernels],
    {
      ...{ a: a.tensor, b: b.tensor, a2: a2.tensor, b2: b2.tensor },
      ...{ bias: bias ?? a.tensor, c: c.tensor },
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

/** Whether the device's kernel can bind all of the matrices. */
function fits({ a, b, c, options: { second } }: Product): boolean {
  const { maxBindingBytes } = c.tensor.device;
  const matrices = [a, b, c, ...(second ? [second.a, second.b] : [])];
  return matrices.every(({ tensor }) => tensor.bytes <= maxBindingBytes);
}

/**
 * Splits a product into several, each on a contiguous range of rows of what is too large to bind at
 * once: a weight of 12,288 x 12,288 has 604 MB, and some devices bind at most 128 MiB.
 *
 * The rows of A and B are rows or columns of C, which are computed one range after another, or terms of
 * the inner sum, which are added in order. If there is a bias, or if k is 0, C is initialized first by
 * a product with k = 0; the second pair comes last.
 */
function partsOf(whole: Product): Product[] {
  const { a, b, c, options } = whole;
  const { m, n, k, transposeA, transposeB, bias, accumulate, second } = options;
  const [rowsOfA, rowsOfB, rowsOfC] = [a, b, c].map(mostRows);
  const rows = cutRange(m, transposeA ? rowsOfC : Math.min(rowsOfA, rowsOfC));
  const columns = cutRange(n, transposeB ? rowsOfB : n);
  const terms = cutRange(k, Math.min(transposeA ? rowsOfA : k, transposeB ? k : rowsOfB));
  const initial = bias || k === 0 ? cutRange(m, rowsOfC).map((row) => initialOf(whole, row)) : [];
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
  if (!second) return [...initial, ...parts];
  const added = { ...rest, k: second.k, accumulate: 1 } as const;
  return [...initial, ...parts, ...partsOf({ a: second.a, b: second.b, c, options: added })];
}

/** Sets rows of C to the bias, plus their old values if accumulating: a product with k = 0. */
function initialOf({ a, c, options }: Product, row: RowRange): Product {
  const nothing = { tensor: a.tensor.view([0]), stride: 0 };
  return {
    a: nothing,
    b: nothing,
    c: block(c, row, { start: 0, count: options.n }),
    options: { ...options, m: row.count, k: 0, second: undefined },
  };
}

/** Elements whose bytes are a multiple of 256, WebGPU's largest alignment of bindings. */
const alignmentOf = ({ type }: Tensor): number => 256 / elementBytes(type);

/** Number of a matrix's rows that one binding can hold wherever they begin. */
function mostRows({ tensor, stride }: Matrix): number {
  const most = tensor.device.maxBindingBytes / elementBytes(tensor.type) - alignmentOf(tensor);
  return Math.max(1, Math.floor(most / stride));
}

/** A block of a matrix, as a view that holds no more than its rows. */
function block({ tensor, stride, offset = 0 }: Matrix, rows: RowRange, columns: RowRange): Matrix {
  const first = offset + rows.start * stride + columns.start, over = first % alignmentOf(tensor);
  const size = over + (rows.count - 1) * stride + columns.count;
  return { tensor: tensor.view([size], first - over), stride, offset: over };
}
