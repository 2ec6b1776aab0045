/** The products of VeRA, with their gradients. @module */

import { dotColumns, scaleColumns } from "../../../kernels/column_scaling/kernel.ts";
import { scaleAdd } from "../../../kernels/elementwise/kernel.ts";
import { matrix, multiply } from "../../autograd/ops/product.ts";
import type { Parameter } from "../../autograd/parameter.ts";
import type { Tape } from "../../autograd/tape.ts";
import type { Tensor } from "../../device/device.ts";
import type { VeraProjections } from "./projections.ts";

/** What VeRA multiplies a layer's input by. */
export interface VeraFactors {
  /** d, (rank). */
  readonly d: Parameter;
  /** b, (out). */
  readonly b: Parameter;
  /** A and B, frozen. */
  readonly projections: VeraProjections;
}

/** out = y + b ⊙ (B (d ⊙ (A x))), row by row of x (tokens, in) and y (tokens, out). */
export function veraOutput(tape: Tape, x: Tensor, y: Tensor, factors: VeraFactors): Tensor {
  const { device } = tape, { d, b, projections } = factors;
  const [m, inputs] = x.shape, [, outputs] = y.shape, rank = d.size;
  const A = matrix(projections.A), B = matrix(projections.rowsOfB(outputs));
  const hidden = tape.activation([m, rank], "A x"), product = tape.activation(y.shape, "B (d A x)");
  const out = tape.activation(y.shape, "VeRA");
  multiply(matrix(x), A, matrix(hidden), { m, n: rank, k: inputs, transposeB: true });
  using scaled = device.allocate(hidden.shape, "f32", "scratch", "d A x");
  scaleBy(d, hidden, scaled, factors);
  multiply(matrix(scaled), B, matrix(product), { m, n: outputs, k: rank, transposeB: true });
  const copy = { size: y.size, xOffset: 0, yOffset: 0, alpha: 1, accumulate: 0 };
  device.launch(scaleAdd, { x: y, y: out }, copy);
  scaleBy(b, product, out, factors, 1);
  tape.record(out, [y, x, d, b], (dOut) => {
    addDots(tape, b, dOut, product, factors);
    using dProduct = device.allocate(y.shape, "f32", "scratch", "gradient of B (d A x)");
    scaleBy(b, dOut, dProduct, factors);
    using dScaled = device.allocate(hidden.shape, "f32", "scratch", "gradient of d A x");
    multiply(matrix(dProduct), B, matrix(dScaled), { m, n: rank, k: outputs });
    addDots(tape, d, dScaled, hidden, factors);
    const dx = tape.contribute(x);
    if (dx) {
      using dHidden = device.allocate(hidden.shape, "f32", "scratch", "gradient of A x");
      scaleBy(d, dScaled, dHidden, factors);
      const { tensor, accumulate } = dx;
      multiply(matrix(dHidden), A, matrix(tensor), { m, n: inputs, k: rank, accumulate });
    }
    tape.give(y, dOut);
  }, [hidden, product]);
  tape.release(hidden, product);
  return out;
}

/** y = (accumulate ? y : 0) + x ⊙ factor, column by column. */
function scaleBy(
  factor: Parameter,
  x: Tensor,
  y: Tensor,
  { projections }: VeraFactors,
  accumulate: 0 | 1 = 0,
): void {
  const [rows, width] = x.shape, divisors = projections.ones(width);
  const tensors = { x, factors: factor.tensor, divisors, y };
  x.device.launch(scaleColumns, tensors, { rows, width, accumulate });
}

/** Adds Σ a ⊙ b over rows to the gradient of a factor. */
function addDots(
  tape: Tape,
  factor: Parameter,
  a: Tensor,
  b: Tensor,
  { projections }: VeraFactors,
): void {
  const into = tape.contribute(factor);
  if (!into) return;
  const [rows, width] = a.shape, { tensor: y, accumulate } = into;
  const tensors = { a, b, divisors: projections.ones(width), y };
  tape.device.launch(dotColumns, tensors, { rows, width, accumulate });
}
