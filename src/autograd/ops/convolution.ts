/** Convolution over the tokens of each sequence. @module */

import { unfoldBackward, unfoldForward } from "../../../kernels/unfold/kernel.ts";
import { ShapeError } from "../../core/errors.ts";
import { assertShape, formatShape } from "../../core/shape.ts";
import type { Tensor } from "../../device/device.ts";
import type { Parameter } from "../parameter.ts";
import type { Tape } from "../tape.ts";
import { biasGradient, savedFor } from "./linear.ts";
import { type Matrix, matrix, multiply } from "./product.ts";

/** What the rows are. */
export interface ConvolutionOptions {
  /** Number of sequences. */
  readonly batch: number;
  /** Tokens of each. */
  readonly time: number;
  /** u32 (batch, time): 0 for tokens whose values count as 0. */
  readonly mask?: Tensor;
}

/**
 * y[t, :] = bias + Σ_o W[:, :, o] x[t + o - (taps - 1) / 2, :] in every sequence of x (batch · time, in), with
 * W (out, in, taps); what is outside of the sequence, or hidden, is 0.
 *
 * It is a product of W with each token's row beside those of its neighbors, (batch · time, in · taps), which
 * is scratch in both directions.
 *
 * @throws {ShapeError} when x, the bias or the mask does not fit W, or its number of taps is even.
 */
export function convolution(
  tape: Tape,
  x: Tensor,
  weight: Parameter,
  bias: Parameter,
  { batch, time, mask }: ConvolutionOptions,
): Tensor {
  const [outputs, width, taps] = weight.shape, rows = batch * time, { device } = tape;
  if (weight.shape.length !== 3 || taps % 2 === 0) {
    throw new ShapeError(
      `${weight.name} must be (out, in, an odd number of taps), found ${formatShape(weight.shape)}`,
    );
  }
  assertShape("what is convolved", x.shape, [rows, width]);
  assertShape(bias.name, bias.shape, [outputs]);
  if (mask) assertShape("the attention mask", mask.shape, [batch, time]);
  const scalars = { batch, time, width, taps, hasMask: mask ? 1 : 0 }, k = width * taps;
  const neighbors = (): Tensor => {
    const y = device.allocate([rows, k], "f32", "scratch", "neighbors");
    device.launch(unfoldForward, { x, mask: mask ?? x, y }, scalars);
    return y;
  };
  const y = tape.activation([rows, outputs], weight.name);
  using unfolded = neighbors();
  const extents = { m: rows, n: outputs, k, transposeB: true, bias: bias.tensor };
  multiply(matrix(unfolded), taken(weight.tensor, k), matrix(y), extents);
  return tape.record(y, [x, weight, bias], (dy) => {
    biasGradient(tape, bias, dy);
    const intoWeight = tape.contribute(weight);
    if (intoWeight) {
      using unfolded = neighbors();
      const { tensor, accumulate } = intoWeight;
      const extents = { m: outputs, n: k, k: rows, transposeA: true, accumulate };
      multiply(matrix(dy), matrix(unfolded), taken(tensor, k), extents);
    }
    const into = tape.contribute(x);
    if (!into) return;
    const { tensor: dx, accumulate } = into;
    using folded = device.allocate([rows, k], "f32", "scratch", "gradient of neighbors");
    multiply(matrix(dy), taken(weight.tensor, k), matrix(folded), { m: rows, n: k, k: outputs });
    const buffers = { dy: folded, mask: mask ?? folded, dx };
    device.launch(unfoldBackward, buffers, { ...scalars, accumulate });
  }, [...savedFor(tape, weight, x), ...(mask ? [mask] : [])]);
}

/** (out, in, taps) as a matrix (out, in · taps). */
const taken = (tensor: Tensor, stride: number): Matrix => ({ tensor, stride });
