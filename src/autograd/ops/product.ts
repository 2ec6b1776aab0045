/**
 * Matrix products for linear layers and low-rank paths; blocks of rows, and windows of columns,
 * which operations read or write in place.
 *
 * @module
 */

import { copyColumns as copyKernel, scaleAdd } from "../../../kernels/elementwise/kernel.ts";
import { elementBytes } from "../../../kernels/kernel.ts";
import { matmul, matmulBf16, matmulF16 } from "../../../kernels/matmul/kernel.ts";
import { ShapeError } from "../../core/errors.ts";
import { formatShape } from "../../core/tensor.ts";
import { cutRange, type RowRange } from "../../core/update.ts";
import { zero } from "../../device/base.ts";
import type { Tensor } from "../../device/device.ts";
import type { Tape } from "../tape.ts";

// Products.

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
  for (const part of shortParts({ a, b, c, options })) {
    if (fits(part)) launch(part);
    else for (const piece of partsOf(part)) launch(piece);
  }
}

/** Rows of a tile of C in the kernels. */
const tileRows = 64;

/**
 * A product as ranges of rows of C that each take no more operations than a launch may: at GPT-3's width one is 2.5
 * teraflop. Every value is computed as in the whole product, bit for bit where the device is not tuned.
 */
function shortParts(whole: Product): readonly Product[] {
  const { a, b, c, options } = whole, { m, n, k, transposeA, second } = options;
  const limit = c.tensor.device.maxLaunchFlops, ofRow = 2 * n * (k + (second?.k ?? 0));
  if (m * ofRow <= limit) return [whole];
  const tiles = Math.floor(limit / ofRow / tileRows), most = tiles * tileRows || 1;
  const rowsOf = (matrix: Matrix, row: RowRange, terms: number) => {
    const all = { start: 0, count: terms };
    return transposeA ? block(matrix, all, row) : block(matrix, row, all);
  };
  return cutRange(m, most).map((row) => ({
    a: rowsOf(a, row, k),
    b,
    c: block(c, row, { start: 0, count: n }),
    options: {
      ...options,
      m: row.count,
      second: second && { ...second, a: rowsOf(second.a, row, second.k) },
    },
  }));
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

/** True if the device's kernel can bind all of the matrices. */
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

/** Alignment in bytes that devices require of the start of a binding: WebGPU's largest. */
const alignment = 256;

/** Elements that fill it. */
const alignmentOf = ({ type }: Tensor): number => alignment / elementBytes(type);

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

// Blocks of rows.

/**
 * Rows `start` to `start + count` of x (rows, width): x itself, a view of it where that may be bound, or a copy. The gradient
 * is added to that of these rows.
 *
 * @throws {ShapeError} when x has fewer rows.
 */
export function rowBlock(tape: Tape, x: Tensor, { start, count }: RowRange): Tensor {
  if (start === 0 && count === x.shape[0]) return x;
  const [, width] = x.shape, offset = start * width, size = count * width;
  const view = x.view([count, width], offset);
  const block = view.byteOffset % alignment === 0 ? view : tape.activation(view.shape, x.label);
  if (block !== view) copy(x, block, { size, xOffset: offset, yOffset: 0, accumulate: 0 });
  return tape.record(block, [x], (dBlock) => {
    const { tensor, accumulate } = tape.contribute(x)!;
    if (!accumulate) zero(tensor);
    copy(dBlock, tensor, { size, xOffset: 0, yOffset: offset, accumulate: 1 });
  }, []);
}

// Windows of columns.

interface CopyScalars {
  readonly size: number;
  readonly xOffset: number;
  readonly yOffset: number;
  readonly accumulate: 0 | 1;
}

function copy(x: Tensor, y: Tensor, scalars: CopyScalars): void {
  x.device.launch(scaleAdd, { x, y }, { ...scalars, alpha: 1 });
}

/** Columns `offset` to `offset + width` of a (rows, columns) tensor. */
export interface ColumnWindow {
  /** The tensor that holds them. */
  readonly tensor: Tensor;
  /** First column. Default 0. */
  readonly offset?: number;
  /** Number of columns. */
  readonly width: number;
}

/** Rows to copy, and whether to add them. */
export interface CopyOptions {
  /** Number of rows. Default: all of the source. */
  readonly rows?: number;
  /** First row of the source. Default 0. */
  readonly fromRow?: number;
  /** First row of the target. Default 0. */
  readonly toRow?: number;
  /** 1 to add to the target. Default 0. */
  readonly accumulate?: 0 | 1;
}

/** to = (accumulate ? to : 0) + from, row by row. */
export function copyColumns(
  { tensor: x, offset: xColumn = 0, width }: ColumnWindow,
  { tensor: y, offset: yColumn = 0 }: ColumnWindow,
  { rows = x.shape[0], fromRow = 0, toRow = 0, accumulate = 0 }: CopyOptions = {},
): void {
  const [, xStride] = x.shape, [, yStride] = y.shape;
  x.device.launch(copyKernel, { x, y }, {
    rows,
    width,
    xOffset: fromRow * xStride + xColumn,
    xStride,
    yOffset: toRow * yStride + yColumn,
    yStride,
    accumulate,
  });
}

/** Destination of a backward function's gradient of a window. */
export interface ColumnContribution {
  /** The same columns of the gradient. */
  readonly window: ColumnWindow;
  /** 1 to add to what is there, 0 to overwrite. */
  readonly accumulate: 0 | 1;
}

/**
 * The destination for adding the gradient of a window, `undefined` if none is needed; the window's
 * tensor gets no gradient in its other columns.
 */
export function contributeColumns(
  tape: Tape,
  window: ColumnWindow,
): ColumnContribution | undefined {
  const into = tape.contribute(window.tensor);
  if (!into) return undefined;
  const whole = window.width === window.tensor.shape[1];
  if (!whole && !into.accumulate) zero(into.tensor);
  return {
    window: { ...window, tensor: into.tensor },
    accumulate: whole ? into.accumulate : 1,
  };
}

/** Adds `gradient` to that of a window. */
export function passColumns(tape: Tape, window: ColumnWindow, gradient: ColumnWindow): void {
  const into = contributeColumns(tape, window);
  if (into) copyColumns(gradient, into.window, { accumulate: into.accumulate });
}

/**
 * Throws unless a window is within a matrix of `rows` rows.
 *
 * @throws {ShapeError} when it is not.
 */
export function assertWindow(what: string, window: ColumnWindow, rows: number): void {
  const { tensor: { shape }, offset = 0, width } = window;
  const fits = shape.length === 2 && shape[0] === rows && Number.isInteger(offset) && offset >= 0 &&
    Number.isInteger(width) && width > 0 && offset + width <= shape[1];
  if (fits) return;
  throw new ShapeError(
    `${what} must be columns of ${rows} rows, found ${width} from ${offset} of ${
      formatShape(shape)
    }`,
  );
}
