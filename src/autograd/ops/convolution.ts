/** Convolution over the tokens of each sequence. @module */

import { unfoldBackward, unfoldForward } from "../../../kernels/unfold/kernel.ts";
import { ShapeError } from "../../core/errors.ts";
import { assertShape, formatShape } from "../../core/tensor.ts";
import type { Tensor } from "../../device/device.ts";
import type { Parameter } from "../parameter.ts";
import type { Tape } from "../tape.ts";
import { biasGradient, savedFor } from "./linear.ts";
import { type Matrix, matrix, multiply } from "./product.ts";

/** Layout of the rows. */
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
  options: ConvolutionOptions,
): Tensor {
  const { batch, time, mask } = options, rows = batch * time;
  assertConvolution(x, weight, bias, options);
  const [outputs, width, taps] = weight.shape, k = width * taps;
  const y = tape.activation([rows, outputs], weight.name);
  using neighbors = neighborsOf(x, taps, options);
  const extents = { m: rows, n: outputs, k, transposeB: true, bias: bias.tensor };
  multiply(matrix(neighbors), flat(weight.tensor), matrix(y), extents);
  return tape.record(y, [x, weight, bias], (dy) => {
    biasGradient(tape, bias, dy);
    kernelGradient(tape, x, weight, dy, options);
    inputGradient(tape, x, weight, dy, options);
  }, [...savedFor(tape, weight, x), ...(mask ? [mask] : [])]);
}

/** Each token's row beside those of its neighbors, (batch · time, in · taps). */
function neighborsOf(x: Tensor, taps: number, { batch, time, mask }: ConvolutionOptions): Tensor {
  const width = x.shape[1], { device } = x;
  const y = device.allocate([batch * time, width * taps], "f32", "scratch", "neighbors");
  const scalars = { batch, time, width, taps, hasMask: mask ? 1 : 0 };
  device.launch(unfoldForward, { x, mask: mask ?? x, y }, scalars);
  return y;
}

/** dW += dyᵀ times the neighbors, which are computed again. */
function kernelGradient(
  tape: Tape,
  x: Tensor,
  weight: Parameter,
  dy: Tensor,
  options: ConvolutionOptions,
): void {
  const into = tape.contribute(weight);
  if (!into) return;
  const [m, width, taps] = weight.shape, n = width * taps, { accumulate } = into;
  using neighbors = neighborsOf(x, taps, options);
  const extents = { m, n, k: dy.shape[0], transposeA: true, accumulate };
  multiply(matrix(dy), matrix(neighbors), flat(into.tensor), extents);
}

/** dx += what each neighbor got from dy W. */
function inputGradient(
  tape: Tape,
  x: Tensor,
  weight: Parameter,
  dy: Tensor,
  { batch, time, mask }: ConvolutionOptions,
): void {
  const into = tape.contribute(x);
  if (!into) return;
  const [k, width, taps] = weight.shape, m = batch * time, n = width * taps;
  const { tensor: dx, accumulate } = into, { device } = tape;
  using neighbors = device.allocate([m, n], "f32", "scratch", "gradient of neighbors");
  multiply(matrix(dy), flat(weight.tensor), matrix(neighbors), { m, n, k });
  const scalars = { batch, time, width, taps, hasMask: mask ? 1 : 0, accumulate };
  device.launch(unfoldBackward, { dy: neighbors, mask: mask ?? neighbors, dx }, scalars);
}

function assertConvolution(
  x: Tensor,
  weight: Parameter,
  bias: Parameter,
  { batch, time, mask }: ConvolutionOptions,
): void {
  const [outputs, width, taps] = weight.shape;
  if (weight.shape.length !== 3 || taps % 2 === 0) {
    throw new ShapeError(
      `${weight.name} must be (out, in, an odd number of taps), found ${formatShape(weight.shape)}`,
    );
  }
  assertShape("what is convolved", x.shape, [batch * time, width]);
  assertShape(bias.name, bias.shape, [outputs]);
  if (mask) assertShape("the attention mask", mask.shape, [batch, time]);
}

/** (out, in, taps) as a matrix (out, in · taps). */
const flat = (tensor: Tensor): Matrix => ({ tensor, stride: tensor.shape[1] * tensor.shape[2] });
