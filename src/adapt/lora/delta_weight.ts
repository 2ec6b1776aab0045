/** The update that a low-rank pair stands for. @module */

import { ShapeError } from "../../core/errors.ts";
import type { HostTensor } from "../../core/host_tensor.ts";
import { formatShape } from "../../core/shape.ts";

/**
 * ΔW = scaling · B A, `(out, in)`, summed in float64 and rounded to F32 at the end (Hu et al. 2021,
 * section 4.1). Cost: out · rank · in multiplications.
 *
 * @param update A `(rank, in)`, B `(out, rank)` and the factor.
 * @throws {ShapeError} when A and B do not fit each other.
 *
 * @example
 * ```ts
 * import { deltaWeight } from "@lowrank/core";
 *
 * const A = { shape: [1, 2], data: Float32Array.of(1, 2) };
 * const B = { shape: [2, 1], data: Float32Array.of(3, -1) };
 * console.log(deltaWeight({ A, B, scaling: 2 }).data); // 6, 12, -2, -4
 * ```
 */
export function deltaWeight(
  { A, B, scaling }: { readonly A: HostTensor; readonly B: HostTensor; readonly scaling: number },
): HostTensor {
  const [out, rank] = B.shape, width = A.shape[1];
  if (A.shape[0] !== rank || A.shape.length !== 2 || B.shape.length !== 2) {
    throw new ShapeError(
      `ΔW needs A (rank, in) and B (out, rank), found ${formatShape(A.shape)} and ${
        formatShape(B.shape)
      }`,
    );
  }
  const data = new Float32Array(out * width), row = new Float64Array(width);
  for (let i = 0; i < out; i++) {
    row.fill(0);
    for (let r = 0; r < rank; r++) {
      const factor = scaling * B.data[i * rank + r];
      for (let j = 0; j < width; j++) row[j] += factor * A.data[r * width + j];
    }
    data.set(row, i * width);
  }
  return { shape: [out, width], data };
}
