/** Matrix products for operations: what a linear layer and a low-rank path launch. @module */

import { matmul } from "../../../kernels/matmul/kernel.ts";
import type { Tensor } from "../../device/tensor.ts";
import { fits, partsOf, type Product } from "./product_parts.ts";

/** A matrix inside a tensor: row r starts at `offset + r * stride` elements. */
export interface Matrix {
  /** Where it lies. */
  readonly tensor: Tensor;
  /** Elements from one row to the next. */
  readonly stride: number;
  /** First element. Default 0. */
  readonly offset?: number;
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
  /** Further terms of each sum, of two matrices stored as the first two are. */
  readonly further?: Terms;
}

/** Terms of a product's sums. */
export interface Terms {
  /** A. */
  readonly a: Matrix;
  /** B. */
  readonly b: Matrix;
  /** How many. */
  readonly k: number;
}

/** A tensor of two axes as a matrix. */
export function matrix(tensor: Tensor): Matrix {
  return { tensor, stride: tensor.shape[tensor.shape.length - 1] };
}

/**
 * C = (accumulate ? C : 0) + alpha · (op(A) op(B) + further terms) + bias, in as few launches as the
 * device allows.
 */
export function multiply(a: Matrix, b: Matrix, c: Matrix, options: ProductOptions): void {
  const whole = { a, b, c, options };
  if (fits(whole)) launch(whole);
  else for (const part of partsOf(whole)) launch(part);
}

function launch({ a, b, c, options }: Product): void {
  const { m, n, k, transposeA, transposeB, alpha = 1, bias, accumulate = 0, further } = options;
  const { a: a2, b: b2, k: k2 } = further ?? { a, b, k: 0 };
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
