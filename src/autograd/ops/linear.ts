/** The linear layer. @module */

import { sumColumns } from "../../../kernels/reduce/kernel.ts";
import { ShapeError } from "../../core/errors.ts";
import { assertShape, formatShape } from "../../core/tensor.ts";
import type { Tensor } from "../../device/device.ts";
import type { Differentiable, Tape } from "../tape.ts";
import type { Parameter } from "../parameter.ts";
import { type Weight, weightOf } from "../weight.ts";
import { matrix, multiply } from "./product.ts";
import { rowsGradient, tracksAny, withRows, writeRows } from "./embedding.ts";

/**
 * y = x Wᵀ + bias with x `(tokens, in)`, W `(out, in)` and y `(tokens, out)`.
 *
 * Gradients: dx = dy W, dW = dyᵀ x, dbias = Σ dy over tokens; a frozen operand costs nothing.
 *
 * @throws {ShapeError} when x or the bias does not fit W.
 */
export function linear(
  tape: Tape,
  x: Tensor,
  weight: Parameter | Weight,
  bias?: Parameter,
): Tensor {
  const W = weightOf(weight);
  if (W.parameter) writeRows(W.parameter);
  const y = linearOutput(tape, x, W, bias);
  W.multiply(x, y, bias?.tensor);
  const operands = [...W.parameter ? withRows(W.parameter) : [], ...bias ? [bias] : []];
  return tape.record(y, [x, ...operands], (dy) => {
    if (W.parameter) weightGradient(tape, x, W.parameter, dy);
    if (bias) biasGradient(tape, bias, dy);
    const into = tape.contribute(x);
    if (into) W.multiplyTransposed(dy, into);
  }, savedFor(tape, W.parameter, x));
}

/** Checks the operands of x Wᵀ + bias and allocates the result. */
export function linearOutput(tape: Tape, x: Tensor, weight: Weight, bias?: Parameter): Tensor {
  const [outputs, inputs] = weight.shape, [tokens, width] = x.shape;
  if (width !== inputs || x.shape.length !== 2) {
    throw new ShapeError(
      `${weight.name} takes (tokens, ${inputs}), found ${formatShape(x.shape)}`,
    );
  }
  if (bias) assertShape(bias.name, bias.shape, [outputs]);
  if (tape.onLinear) tape.onLinear(weight.name, tape.keep(x));
  return tape.activation([tokens, outputs], weight.name);
}

/**
 * The tensors that the gradient of a factor reads: the one that it is multiplied by, unless the
 * factor is frozen.
 */
export function savedFor(
  tape: Tape,
  factor: Differentiable | undefined,
  other: Tensor,
): Tensor[] {
  return factor && tracksAny(tape, factor) ? [other] : [];
}

/** dW += dyᵀ x. */
export function weightGradient(tape: Tape, x: Tensor, weight: Parameter, dy: Tensor): void {
  if (weight.rows) rowsGradient(tape, x, weight.rows, dy);
  const into = tape.contribute(weight);
  if (!into) return;
  const [m, n] = weight.shape, k = x.shape[0], { accumulate } = into;
  const options = { m, n, k, transposeA: true, accumulate };
  multiply(matrix(dy), matrix(x), matrix(into.tensor), options);
}

/** dbias += Σ dy over tokens. */
export function biasGradient(tape: Tape, bias: Parameter, dy: Tensor): void {
  const into = tape.contribute(bias);
  if (!into) return;
  const [rows, width] = dy.shape, { accumulate } = into;
  tape.device.launch(sumColumns, { x: dy, y: into.tensor }, { rows, width, accumulate });
}
