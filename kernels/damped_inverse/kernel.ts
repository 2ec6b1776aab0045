/** The inverse of a small positive definite or triangular matrix, in place. @module */

import { defineKernel, f32, type Kernel, type Numbers } from "../kernel.ts";
import code from "./damped_inverse.wgsl" with { type: "text" };

/**
 * matrix = (matrix + damping I)⁻¹, for a symmetric positive semidefinite matrix (size, size) and a damping above 0, or
 * a triangle whose diagonal with the damping has no 0: Gauss-Jordan elimination, which needs no exchange of rows
 * there. Cost: size³ products by one thread or workgroup,
 * as it is for the ranks of low-rank updates.
 */
export const dampedInverse: Kernel<"matrix", "size" | "damping"> = defineKernel({
  name: "damped_inverse",
  bindings: { matrix: f32.update },
  scalars: { size: "u32", damping: "f32" },
  elements: ({ size }) => ({ matrix: size * size }),
  wgsl: { code, workgroups: () => 1 },
  cpu: { units: () => 1, grain: () => 1 },
  reference({ matrix }, { size, damping }) {
    for (let k = 0; k < size; k++) matrix[k * size + k] += damping;
    for (let k = 0; k < size; k++) eliminate(matrix, size, k);
  },
});

/** Exchanges x_k with y_k in y = M x. */
function eliminate(M: Numbers, size: number, k: number): void {
  const row = k * size, inverse = 1 / M[row + k];
  for (let j = 0; j < size; j++) if (j !== k) M[row + j] *= inverse;
  for (let i = 0; i < size; i++) {
    if (i === k) continue;
    const factor = M[i * size + k];
    for (let j = 0; j < size; j++) if (j !== k) M[i * size + j] -= factor * M[row + j];
    M[i * size + k] = -factor * inverse;
  }
  M[row + k] = inverse;
}
