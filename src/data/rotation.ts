/** Rotations of images inside planes of their principal directions. @module */

import type { HostTensor } from "../core/host_tensor.ts";
import { type DenseMatrix, denseOf, multiplyTransposed, transposed } from "../linalg/mod.ts";
// Not the one that may be LAPACK's: the last bits, and so the task, would depend on the machine.
import { symmetricEigen } from "../linalg/symmetric_eigen.ts";

/** The eigenvectors of the images' covariance, largest variance first, one a row. */
export function principalDirections(images: HostTensor): DenseMatrix {
  const columns = transposed(denseOf(images)), { rows, columns: count, data } = columns;
  for (let pixel = 0; pixel < rows; pixel++) {
    const own = data.subarray(pixel * count, (pixel + 1) * count);
    const mean = own.reduce((sum, value) => sum + value, 0) / count;
    own.forEach((value, i) => own[i] = value - mean);
  }
  return symmetricEigen(multiplyTransposed(columns, columns)).vectors;
}

/**
 * x ← R x with R a rotation by `degrees` inside each of `planes` planes, the first two directions, the next
 * two, …: R - I has rank 2 · planes, and so has the update of a first layer that undoes it.
 *
 * @param images (images, pixels), F32.
 * @param directions Orthonormal, one a row, at least two for each plane.
 *
 * @example
 * ```ts
 * import { rotate } from "@lowrank/core/data";
 *
 * const directions = { rows: 2, columns: 2, data: Float64Array.of(1, 0, 0, 1) };
 * const turned = rotate({ shape: [1, 2], data: Float32Array.of(1, 0) }, directions, 1, 90);
 * console.log(Math.round(turned.data[1])); // 1
 * ```
 */
export function rotate(
  images: HostTensor,
  directions: DenseMatrix,
  planes: number,
  degrees: number,
): HostTensor {
  const angle = degrees * Math.PI / 180, cosine = Math.cos(angle), sine = Math.sin(angle);
  const [count, width] = images.shape, data = Float32Array.from(images.data);
  const axis = (i: number) => directions.data.subarray(i * width, (i + 1) * width);
  for (let image = 0; image < count; image++) {
    const x = data.subarray(image * width, (image + 1) * width);
    const turned = new Float64Array(x);
    for (let plane = 0; plane < planes; plane++) {
      const u = axis(2 * plane), v = axis(2 * plane + 1), a = dot(x, u), b = dot(x, v);
      const du = (cosine - 1) * a - sine * b, dv = sine * a + (cosine - 1) * b;
      for (let i = 0; i < width; i++) turned[i] += du * u[i] + dv * v[i];
    }
    x.set(turned);
  }
  return { shape: images.shape, data };
}

const dot = (x: Float32Array, y: Float64Array): number =>
  x.reduce((sum, value, i) => sum + value * y[i], 0);
