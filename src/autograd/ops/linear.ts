/** The linear layer, with low-rank updates of any of its sites. @module */

import { sumColumns } from "../../../kernels/reduce/kernel.ts";
import { ShapeError } from "../../core/errors.ts";
import { assertShape, formatShape } from "../../core/shape.ts";
import type { Tensor } from "../../device/tensor.ts";
import type { Parameter } from "../parameter.ts";
import type { Tape } from "../tape.ts";
import {
  addInputGradient,
  addUpdate,
  lowRankBackward,
  lowRankPath,
  type LowRankSite,
} from "./low_rank.ts";
import { matrix, type MatrixPair, multiply } from "./product.ts";

/**
 * y = x Wᵀ + bias, and for each adapted site y[:, rows] += scaling · (drop(x) Aᵀ) Bᵀ.
 *
 * x is (tokens, in), W (out, in), A (rank, in), B (rows.count, rank), y (tokens, out). The update is two
 * thin products: ΔW itself is never formed (Hu et al. 2021, section 4.1, equation 3). The second one of
 * a site of all rows is the second operand pair of x Wᵀ, so that y is written once.
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
  const paths = sites.map((site) => lowRankPath(tape, x, site, outputs));
  const fused = paths.find(({ site }) => site.rows.count === outputs);
  multiply(matrix(x), matrix(weight.tensor), matrix(y), {
    m: tokens,
    n: outputs,
    k: inputs,
    transposeB: true,
    bias: bias?.tensor,
    second: fused && secondPair(fused.hidden, fused.site.B.tensor),
  });
  for (const path of paths) if (path !== fused) addUpdate(path, y);
  const operands = [x, weight, ...(bias ? [bias] : []), ...sites.flatMap(({ A, B }) => [A, B])];
  return tape.record(y, operands, (dy) => {
    weightGradient(tape, x, weight, dy);
    if (bias) biasGradient(tape, bias, dy);
    const fused = paths.find(({ mask }) => !mask);
    if (!fused) inputGradient(tape, x, weight, dy);
    for (const path of paths) {
      using dHidden = lowRankBackward(tape, x, path, dy);
      if (!dHidden) continue;
      if (path !== fused) addInputGradient(tape, x, path, dHidden);
      else inputGradient(tape, x, weight, dy, secondPair(dHidden, path.site.A.tensor));
    }
  });
}

/** (tokens, rank) times B or A, added by the product with W. */
function secondPair(hidden: Tensor, factor: Tensor): MatrixPair {
  return { a: matrix(hidden), b: matrix(factor), k: hidden.shape[1] };
}

function inputGradient(
  tape: Tape,
  x: Tensor,
  weight: Parameter,
  dy: Tensor,
  second?: MatrixPair,
): void {
  const into = tape.contribute(x);
  if (!into) return;
  const [outputs, inputs] = weight.shape;
  multiply(matrix(dy), matrix(weight.tensor), matrix(into.tensor), {
    m: x.shape[0],
    n: inputs,
    k: outputs,
    accumulate: into.accumulate,
    second,
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
