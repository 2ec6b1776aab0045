/** Cases of the inverse of a small positive definite or triangular matrix. @module */

import { dampedInverse } from "../../../kernels/mod.ts";
import { singularValues } from "../../../src/linalg/mod.ts";
import "../../support/open_lapack.ts";
import { each, u } from "../error_model.ts";
import type { Bound, KernelCase } from "../kernel_case.ts";
import { normals } from "./values.ts";

/**
 * Gauss-Jordan elimination of a positive definite matrix or of a triangle M, in which nothing grows, is off by at most 8 n³ u κ(M) ‖M⁻¹‖ (Higham 2002, section
 * 14.4); a quotient of WGSL is off by 2.5 units in the last place, 5 u, in place of u.
 */
const bound: Bound = ({ matrix }, _, { size, damping }) => {
  const data = Float64Array.from(
    { length: size * size },
    (_, at) => matrix[at] + (at % (size + 1) === 0 ? damping : 0),
  );
  const values = singularValues({ rows: size, columns: size, data });
  const [most, least] = [values[0], values[size - 1]];
  return { matrix: each(size * size, () => 5 * 8 * size ** 3 * u * most / least / least) };
};

/** X Xᵀ / columns of normal X: of full rank, of rank 1 and zero. */
function inverseCase(size: number, columns: number, damping: number): KernelCase {
  const X = normals(7, size * columns), matrix = new Float32Array(size * size);
  matrix.forEach((_, at) => {
    const [i, j] = [Math.floor(at / size) * columns, (at % size) * columns];
    for (let k = 0; k < columns; k++) matrix[at] += X[i + k] * X[j + k] / columns;
  });
  return {
    name: `${size} of rank ${Math.min(size, columns)}, damping ${damping}`,
    kernel: dampedInverse,
    buffers: { matrix },
    scalars: { size, damping: Math.fround(damping) },
    bound,
  };
}

/** A triangle with normal values and 2 on its diagonal, without damping. */
function triangleCase(size: number, isUpper: boolean): KernelCase {
  const values = normals(8, size * size),
    matrix = values.map((value, at) => {
      const [i, j] = [Math.floor(at / size), at % size];
      return i === j ? 2 : i < j === isUpper ? value / size : 0;
    });
  return {
    name: `${isUpper ? "upper" : "lower"} triangle of ${size}`,
    kernel: dampedInverse,
    buffers: { matrix },
    scalars: { size, damping: 0 },
    bound,
  };
}

/** All of them. */
export const dampedInverseCases: readonly KernelCase[] = [
  ...[1, 2, 3, 8, 15, 16, 17, 33, 64].flatMap((size) => [
    inverseCase(size, 4 * size, 0.01),
    inverseCase(size, 1, 0.5),
  ]),
  inverseCase(4, 0, 0.25),
  ...[1, 2, 7, 16, 65].flatMap((size) => [triangleCase(size, true), triangleCase(size, false)]),
];
