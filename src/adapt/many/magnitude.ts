/** DoRA in a batch of many adapters: a scale and a shift of a layer's output, and a scaled B. @module */

import { rowNorms, scaleRows } from "../../../kernels/column_scaling/kernel.ts";
import { fill, scaleAdd } from "../../../kernels/elementwise/kernel.ts";
import { matrix, multiply } from "../../autograd/ops/product.ts";
import type { HostData } from "../../core/host_tensor.ts";
import type { Tensor } from "../../device/device.ts";
import { Scope } from "../../device/scope.ts";
import type { Linear } from "../../nn/linear.ts";
import { copyTensor } from "../copy_tensor.ts";

/** The tensors of a site with a magnitude. */
export interface MagnitudeSite {
  /** (rank, in). */
  readonly A: Tensor;
  /** (out, rank), which is scaled. */
  readonly B: Tensor;
  /** The factor of B A. */
  readonly scaling: number;
  /** (2, out): the scale and the shift, which are written. */
  readonly vectors: Tensor;
}

/**
 * With q = m / ‖V‖ by rows and V = W + scaling · B A, DoRA's output q ∘ V x + b (Liu et al. 2024, equation 5) is
 * q ∘ y + (1 − q) ∘ b + scaling · (q ∘ B) A x of the base's own y = W x + b: writes q and (1 − q) ∘ b, and q ∘ B in the
 * place of B.
 */
export function foldMagnitude(
  { weight, bias }: Linear,
  { A, B, scaling, vectors }: MagnitudeSite,
  magnitude: HostData,
): void {
  const { device, shape: [size, rank] } = B, width = A.shape[1];
  using scope = new Scope(device);
  const place = (shape: readonly number[], label: string) =>
    scope.allocate(shape, "f32", "scratch", label);
  using own = weight.dense();
  const V = copyTensor(own, place(own.shape, "direction"));
  const product = { m: size, n: width, k: rank, alpha: scaling, accumulate: 1 } as const;
  multiply(matrix(B), matrix(A), matrix(V), product);
  const [divisors, factors, ones] = ["norms", "magnitude", "ones"].map((label) =>
    place([size], label)
  );
  device.launch(rowNorms, { x: V, y: divisors }, { rows: size, width });
  device.write(factors, magnitude);
  device.launch(fill, { y: ones }, { size, value: 1 });
  const scaled = (x: Tensor, width: number) => {
    const y = place(x.shape, "scaled");
    device.launch(scaleRows, { x, factors, divisors, y }, { rows: size, width, accumulate: 0 });
    return y;
  };
  const add = (x: Tensor, yOffset: number, alpha: number, accumulate: 0 | 1) =>
    device.launch(scaleAdd, { x, y: vectors }, { size, xOffset: 0, yOffset, alpha, accumulate });
  copyTensor(scaled(B, rank), B);
  add(scaled(ones, 1), 0, 1, 0);
  if (!bias) return add(ones, size, 0, 0);
  add(bias.tensor, size, 1, 0);
  add(scaled(bias.tensor, 1), size, -1, 1);
}
