/** Small matrices in TeX. @module */

import type { HostTensor } from "../core/host_tensor.ts";

/** Most rows or columns that are readable. */
const most = 16;

/**
 * A matrix of at most 16 x 16 in TeX; whole numbers are exact, others have three digits.
 *
 * @throws {RangeError} when the tensor is not a matrix, or is larger.
 *
 * @example
 * ```ts
 * import { matrixTex } from "@lowrank/core/figures";
 *
 * console.log(matrixTex({ shape: [1, 2], data: Float32Array.of(1, -0.5) }));
 * // \begin{pmatrix}1 & -0.5\end{pmatrix}
 * ```
 */
export function matrixTex({ shape, data }: HostTensor): string {
  const [rows, columns] = shape;
  if (shape.length !== 2 || Math.max(rows, columns) > most) {
    throw new RangeError(`a matrix in TeX has at most ${most} rows and columns, found ${shape}`);
  }
  const cells = Array.from(data, (value) => String(Number(value.toPrecision(3))));
  const lines = Array.from(
    { length: rows },
    (_, i) => cells.slice(i * columns, (i + 1) * columns).join(" & "),
  );
  return `\\begin{pmatrix}${lines.join(" \\\\ ")}\\end{pmatrix}`;
}
