/** VeRA on one linear layer. @module */

import { scaleRows } from "../../../kernels/column_scaling/kernel.ts";
import { dropoutWithGradient } from "../../autograd/ops/dropout.ts";
import { matrix, multiply } from "../../autograd/ops/product.ts";
import type { Parameter } from "../../autograd/parameter.ts";
import type { Tape } from "../../autograd/tape.ts";
import type { Tensor } from "../../device/device.ts";
import type { Adaptation } from "../../nn/adaptation.ts";
import type { Linear } from "../../nn/linear.ts";
import type { WeightChange } from "../adapter.ts";
import { type VeraFactors, veraOutput } from "./output.ts";
import type { VeraProjections } from "./projections.ts";

/**
 * h = W₀ x + Λ_b B Λ_d A x, where A and B are random, frozen and shared by all layers, and the diagonals b and d
 * are trained (Kopiczko et al. 2024, equation 2). With b = 0 it changes nothing.
 */
export class VeraSite implements Adaptation, VeraFactors {
  /** The layer. */
  readonly linear: Linear;
  /** b, (out). */
  readonly b: Parameter;
  /** d, (rank). */
  readonly d: Parameter;
  /** A and B. */
  readonly projections: VeraProjections;
  /** Share of the inputs that dropout zeroes while training. */
  readonly dropout: number;

  /** Joins the vectors and the shared matrices to a layer. */
  constructor(
    linear: Linear,
    vectors: Pick<VeraFactors, "b" | "d">,
    projections: VeraProjections,
    dropout: number,
  ) {
    this.linear = linear;
    this.b = vectors.b;
    this.d = vectors.d;
    this.projections = projections;
    this.dropout = dropout;
  }

  /** b, then d. */
  get parameters(): readonly Parameter[] {
    return [this.b, this.d];
  }

  /** y + b ⊙ (B (d ⊙ (A drop(x)))). */
  forward(tape: Tape, x: Tensor, y: Tensor): Tensor {
    const dropped = dropoutWithGradient(tape, x, this.dropout);
    const out = veraOutput(tape, dropped, y, this);
    if (dropped !== x) tape.release(dropped);
    return out;
  }

  /** What merging does to the layer's weight. */
  weightChange(): WeightChange {
    const { name, shape } = this.linear.weight;
    return { name, shape, mergeInto: (copy) => this.#mergeInto(copy) };
  }

  /** W += (b ⊙ B) (d ⊙ A), with b and d by rows. */
  #mergeInto(W: Tensor): void {
    const [m, n] = W.shape, { b, d, projections } = this, { A } = projections;
    const scale = (x: Tensor, factor: Parameter) => {
      const y = W.device.allocate(x.shape, "f32", "scratch", "scaled projection");
      const [rows, width] = x.shape, divisors = projections.ones(rows);
      const tensors = { x, factors: factor.tensor, divisors, y };
      W.device.launch(scaleRows, tensors, { rows, width, accumulate: 0 });
      return y;
    };
    using left = scale(projections.rowsOfB(m), b);
    using right = scale(A, d);
    multiply(matrix(left), matrix(right), matrix(W), { m, n, k: d.size, accumulate: 1 });
  }
}
