/** Rotations of images inside planes of their principal directions. @module */

import type { HostTensor } from "../../src/core/host_tensor.ts";
import { type DenseMatrix, multiplyTransposed, transposed } from "../../src/linalg/mod.ts";
// Not the one that may be LAPACK's: the last bits, and so the task, would depend on the machine.
import { symmetricEigen } from "../../src/linalg/symmetric_eigen.ts";
import { dense } from "./linear_task.ts";

/** The eigenvectors of the images' covariance, largest variance first, one a row. */
export function principalDirections(images: HostTensor): DenseMatrix {
  const columns = transposed(dense(images)), { rows, columns: count, data } = columns;
  for (let pixel = 0; pixel < rows; pixel++) {
    const own = data.subarray(pixel * count, (pixel + 1) * count);
    const mean = own.reduce((sum, value) => sum + value, 0) / count;
    own.forEach((value, i) => own[i] = value - mean);
  }
  return symmetricEigen(multiplyTransposed(columns, columns)).vectors;
}

/**
 * x ← R x with R a rotation by `degrees` inside each of `planes` planes, the first two directions, the next
 * two, …: R - I has rank 2 · planes.
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

function dot(x: Float32Array, y: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i] * y[i];
  return sum;
}
