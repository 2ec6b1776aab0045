/**
 * The inputs of the analysis: matrices, and updates as factors, checked and converted to float64.
 *
 * @module
 */

import { quote, ShapeError } from "../core/errors.ts";
import { formatShape, type HostTensor, type Shape } from "../core/tensor.ts";
import { assertUpdate, type LowRankFactors, updateName } from "../core/update.ts";
import { isRecord } from "../core/checks.ts";
import { assertFinite, type DenseMatrix, type LargeMatrix, transposed } from "../linalg/mod.ts";

/** A matrix: a tensor of two axes, as read from files and devices, or rows x columns. Row-major. */
export type Matrix = HostTensor | LargeMatrix;

/** Checked factors in float64; each row runs along a side of ΔW. */
export interface CheckedFactors {
  /** (rank, in). */
  readonly A: DenseMatrix;
  /** Bᵀ, (rank, out). */
  readonly Bt: DenseMatrix;
  /** The factor of B A. */
  readonly scaling: number;
}

/** The name of an update in messages. */
export function nameOf(factors: LowRankFactors): string {
  const name = updateName(factors);
  return isRecord(factors) && "module" in factors ? `the update of ${name}` : name;
}

/** Checked factors in the memory that they came in. */
export interface FactorsInPlace {
  /** (rank, in). */
  readonly A: LargeMatrix;
  /** (out, rank). */
  readonly B: LargeMatrix;
  /** The factor of B A. */
  readonly scaling: number;
}

/**
 * Checks the requirements of every analysis of factors.
 *
 * @throws {ShapeError} when A and B do not fit each other, or the rank is 0 or above both sides.
 * @throws {RangeError} when a value is not finite.
 */
export function factorsInPlace(factors: LowRankFactors): FactorsInPlace {
  assertUpdate(factors);
  const { scaling } = factors, what = nameOf(factors);
  const A = toFinite(factors.A, `A of ${what}`), B = toFinite(factors.B, `B of ${what}`);
  if (A.rows <= Math.max(A.columns, B.rows)) return { A, B, scaling };
  const shape = formatShape([B.rows, A.columns]);
  throw new ShapeError(
    `the rank of ${what} must not be above both its sides, found rank ${A.rows} for ${shape}`,
  );
}

/**
 * The same as copies in float64.
 *
 * @throws As {@link factorsInPlace}.
 */
export function checkFactors(factors: LowRankFactors): CheckedFactors {
  const { A, B, scaling } = factorsInPlace(factors);
  return { A: { ...A, data: new Float64Array(A.data) }, Bt: transposed(B), scaling };
}

/** A checked copy in float64. */
export function toDense(matrix: Matrix, what: string): DenseMatrix {
  const { rows, columns, data } = toFinite(matrix, what);
  return { rows, columns, data: new Float64Array(data) };
}

/** A checked matrix in the same memory. */
function toFinite(matrix: Matrix, what: string): LargeMatrix {
  const large = toLarge(matrix, what);
  assertFinite(what, large);
  return large;
}

/** A matrix of checked shape in the same memory; its values are not checked. */
export function toLarge(matrix: Matrix, what: string): LargeMatrix {
  if (!isMatrix(matrix)) {
    throw new TypeError(
      `${what} must be { shape: [rows, columns], data } or { rows, columns, data }, found ${
        quote(matrix)
      }`,
    );
  }
  const { data } = matrix;
  const shape: Shape = "shape" in matrix ? matrix.shape : [matrix.rows, matrix.columns];
  if (shape.length !== 2 || shape[0] === 0 || shape[1] === 0) {
    throw new ShapeError(`${what} must be a matrix with values, found ${formatShape(shape)}`);
  }
  if (data.length !== shape[0] * shape[1]) {
    throw new ShapeError(
      `${what} must have ${shape[0] * shape[1]} values for ${
        formatShape(shape)
      }, found ${data.length}`,
    );
  }
  if (!(data instanceof Float32Array || data instanceof Float64Array)) {
    throw new TypeError(`${what} must hold floating-point values, found integers`);
  }
  return { rows: shape[0], columns: shape[1], data };
}

const isMatrix = (value: unknown): boolean =>
  isRecord(value) && ArrayBuffer.isView(value.data) &&
  (Array.isArray(value.shape) || "rows" in value);

/** A matrix as a tensor in the same memory. */
export function toTensor({ rows, columns, data }: LargeMatrix): HostTensor {
  return { shape: [rows, columns], data };
}
