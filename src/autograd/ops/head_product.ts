/** A matrix product for each head of each sequence. @module */

import { headProductKernel } from "../../../kernels/head_product/kernel.ts";
import { ShapeError } from "../../core/errors.ts";
import { formatShape } from "../../core/shape.ts";
import type { Tensor } from "../../device/device.ts";
import type { Tape } from "../tape.ts";
import { savedFor } from "./linear.ts";

/** How the matrices lie in their tensors, and what of them is multiplied. */
export interface HeadProductOptions {
  /** Number of equal groups of rows, each with products of its own: sequences. */
  readonly groups: number;
  /** Number of heads, which share the columns of each tensor evenly. */
  readonly heads: number;
  /** Multiplies by the transpose of b's matrices. Default false. */
  readonly transposeB?: boolean;
  /** Factor of the products. Default 1. */
  readonly alpha?: number;
}

/**
 * For each head h of each group of rows g, out[g, h] = alpha · a[g, h] b[g, h], or alpha · a[g, h] b[g, h]ᵀ.
 *
 * With q, k and v of (batch · time, heads · d), the transposed product of q and k in `batch` groups are
 * attention's scores, (batch · time, heads · time), and that of their softmax and v is what attention returns.
 * Gradients: da = alpha · dout bᵀ, db = alpha · aᵀ dout, transposed where b is.
 *
 * @throws {ShapeError} when rows or columns are not divisible, or inner extents differ.
 */
export function headProduct(
  tape: Tape,
  a: Tensor,
  b: Tensor,
  { groups, heads, transposeB = false, alpha = 1 }: HeadProductOptions,
): Tensor {
  const [m, k] = matrixOf(a, groups, heads), [rows, columns] = matrixOf(b, groups, heads);
  const n = transposeB ? rows : columns;
  if (k !== (transposeB ? columns : rows)) {
    throw new ShapeError(
      `a product by head needs equal inner extents, found ${m} x ${k} and ${rows} x ${columns}` +
        (transposeB ? ", transposed" : ""),
    );
  }
  const out = tape.activation([groups * m, heads * n], "product by head");
  const shared = { groups, heads, alpha };
  const scalars = { ...shared, m, n, k, transposeA: 0, transposeB: Number(transposeB) };
  tape.device.launch(headProductKernel, { a, b, c: out }, { ...scalars, accumulate: 0 });
  return tape.record(out, [a, b], (dOut) => {
    const intoA = tape.contribute(a);
    if (intoA) {
      const { tensor: c, accumulate } = intoA, extents = { m, n: k, k: n, transposeA: 0 };
      const scalars = { ...shared, ...extents, transposeB: Number(!transposeB), accumulate };
      tape.device.launch(headProductKernel, { a: dOut, b, c }, scalars);
    }
    const intoB = tape.contribute(b);
    if (!intoB) return;
    const { tensor: c, accumulate } = intoB, given = { transposeA: 1, transposeB: 0, accumulate };
    const [left, right] = transposeB ? [dOut, a] : [a, dOut];
    const scalars = { ...shared, m: rows, n: columns, k: m, ...given };
    tape.device.launch(headProductKernel, { a: left, b: right, c }, scalars);
  }, [...savedFor(tape, a, b), ...savedFor(tape, b, a)]);
}

/** Rows of a group and columns of a head. */
function matrixOf({ shape }: Tensor, groups: number, heads: number): [number, number] {
  const [rows, columns] = [shape[0] / groups, shape[1] / heads];
  if (shape.length === 2 && Number.isInteger(rows) && Number.isInteger(columns)) {
    return [rows, columns];
  }
  throw new ShapeError(
    `a product by head needs rows of ${groups} groups and columns of ${heads} heads, found ${
      formatShape(shape)
    }`,
  );
}
