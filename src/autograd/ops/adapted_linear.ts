/** A linear layer with low-rank updates, in as few products as possible. @module */

import { countRows } from "../../core/row_range.ts";
import type { Tensor } from "../../device/device.ts";
import type { Parameter } from "../parameter.ts";
import type { Tape } from "../tape.ts";
import { type Weight, weightOf } from "../weight.ts";
import { biasGradient, linearOutput, savedFor, weightGradient } from "./linear.ts";
import {
  addInputGradient,
  addUpdate,
  lowRankBackward,
  lowRankPath,
  type LowRankSite,
  releasePath,
  savedForPath,
} from "./low_rank.ts";
import { matrix, type MatrixPair } from "./product.ts";
import { withRows, writeRows } from "./trainable_rows.ts";

/**
 * y = x Wᵀ + bias, and for each site y[:, rows] += scaling · (drop(x) Aᵀ) Bᵀ (Hu et al. 2021, equation 3).
 *
 * The sum of `linear` and of each site's two thin products, fused: if a site has all rows, its product
 * with B is summed within x Wᵀ, so that y is written once; other sites add to y in place. ΔW itself is
 * never formed.
 *
 * @throws {ShapeError} when x, the bias or a site does not fit W.
 */
export function adaptedLinear(
  tape: Tape,
  x: Tensor,
  given: Parameter | Weight,
  bias: Parameter | undefined,
  sites: readonly LowRankSite[],
): Tensor {
  const weight = weightOf(given), [n] = weight.shape, { parameter } = weight;
  if (parameter) writeRows(parameter);
  const y = linearOutput(tape, x, weight, bias);
  const paths = sites.map((site) => lowRankPath(tape, x, site, n));
  const fused = paths.find(({ site }) => countRows(site.rows) === n);
  const second = fused && secondPair(fused.hidden, fused.site.B.tensor);
  weight.multiply(x, y, bias?.tensor, second);
  for (const path of paths) if (path !== fused) addUpdate(path, y);
  const factors = sites.flatMap(({ A, B }) => [A, B]);
  const operands = [...(parameter ? withRows(parameter) : []), ...(bias ? [bias] : []), ...factors];
  tape.record(y, [x, ...operands], (dy) => {
    if (parameter) weightGradient(tape, x, parameter, dy);
    if (bias) biasGradient(tape, bias, dy);
    const fused = paths.find(({ mask }) => !mask);
    if (!fused) inputGradient(tape, x, weight, dy);
    for (const path of paths) {
      using dHidden = lowRankBackward(tape, x, path, dy);
      if (!dHidden) continue;
      if (path !== fused) addInputGradient(tape, x, path, dHidden);
      else inputGradient(tape, x, weight, dy, secondPair(dHidden, path.site.A.tensor));
    }
  }, [...savedFor(tape, parameter, x), ...paths.flatMap((path) => savedForPath(tape, path))]);
  for (const path of paths) releasePath(tape, path);
  return y;
}

/** (tokens, rank) times B or A, as the second operand pair of the product with W. */
function secondPair(hidden: Tensor, factor: Tensor): MatrixPair {
  return { a: matrix(hidden), b: matrix(factor), k: hidden.shape[1] };
}

/** dx += dy W + dh A. */
function inputGradient(
  tape: Tape,
  x: Tensor,
  weight: Weight,
  dy: Tensor,
  second?: MatrixPair,
): void {
  const into = tape.contribute(x);
  if (into) weight.multiplyTransposed(dy, into, second);
}
