/** The linear layer, with low-rank updates of any of its sites. @module */

import { sumColumns } from "../../../kernels/reduce/kernel.ts";
import { ShapeError } from "../../core/errors.ts";
import { assertShape, formatShape } from "../../core/shape.ts";
import type { Tensor } from "../../device/tensor.ts";
import type { Parameter } from "../parameter.ts";
import type { Tape } from "../tape.ts";
import { lowRankBackward, lowRankForward, type LowRankSite } from "./low_rank.ts";
import { matrix, multiply } from "./product.ts";

/**
 * y = x Wᵀ + bias, and for each adapted site y[:, rows] += scaling · (drop(x) Aᵀ) Bᵀ.
 *
 * x is (tokens, in), W (out, in), A (rank, in), B (rows.count, rank), y (tokens, out). The update is two
 * thin products: ΔW itself is never formed (Hu et al. 2021, section 4.1, equation 3).
 *
 * @throws {ShapeError} when x, the bias or a site does not fit W.
 */
export function linear(
  tape: Tape,
  x: Tensor,
  weight: Parameter,
  bias?: Parameter,
  sites: readonly LowRankSite[] = [],
): Tensor {
  const [tokens, width] = x.shape;
  const [outputs, inputs] = weight.shape;
  if (width !== inputs || x.shape.length !== 2) {
    throw new ShapeError(
      `${weight.name} takes (tokens, ${inputs}), found ${formatShape(x.shape)}`,
    );
  }
  if (bias) assertShape(bias.name, bias.shape, [outputs]);
  tape.onLinear?.(weight, x);
  const y = tape.activation([tokens, outputs], weight.name);
  multiply(matrix(x), matrix(weight.tensor), matrix(y), {
    m: tokens,
    n: outputs,
    k: inputs,
    transposeB: true,
    bias: bias?.tensor,
  });
  const paths = sites.map((site) => lowRankForward(tape, x, site, y));
  const operands = [x, weight, ...(bias ? [bias] : []), ...sites.flatMap(({ A, B }) => [A, B])];
  return tape.record(y, operands, (dy) => {
    inputGradient(tape, x, weight, dy);
    weightGradient(tape, x, weight, dy);
    if (bias) biasGradient(tape, bias, dy);
    for (const path of paths) lowRankBackward(tape, x, path, dy);
  });
}

function inputGradient(tape: Tape, x: Tensor, weight: Parameter, dy: Tensor): void {
  const into = tape.contribute(x);
  if (!into) return;
  const [outputs, inputs] = weight.shape;
  multiply(matrix(dy), matrix(weight.tensor), matrix(into.tensor), {
    m: x.shape[0],
    n: inputs,
    k: outputs,
    accumulate: into.accumulate,
  });
}

function weightGradient(tape: Tape, x: Tensor, weight: Parameter, dy: Tensor): void {
  const into = tape.contribute(weight);
  if (!into) return;
  const [outputs, inputs] = weight.shape;
  multiply(matrix(dy), matrix(x), matrix(into.tensor), {
    m: outputs,
    n: inputs,
    k: x.shape[0],
    transposeA: true,
    accumulate: into.accumulate,
  });
}

function biasGradient(tape: Tape, bias: Parameter, dy: Tensor): void {
  const into = tape.contribute(bias);
  if (!into) return;
  const [rows, width] = dy.shape;
  const { accumulate } = into;
  tape.device.launch(sumColumns, { x: dy, y: into.tensor }, { rows, width, accumulate });
}
