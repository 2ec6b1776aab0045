/**
 * The low-rank path parallel to a weight, two thin products forward and four backward; and a linear
 * layer with such updates, in as few products as possible.
 *
 * @module
 */

import { ShapeError } from "../../core/errors.ts";
import { assertShape } from "../../core/tensor.ts";
import {
  countRows,
  rangesOf,
  type RowRange,
  type SiteRange,
  type SiteRows,
} from "../../core/update.ts";
import type { Tensor } from "../../device/device.ts";
import type { Parameter } from "../parameter.ts";
import type { Tape } from "../tape.ts";
import { type LowRankTerm, type Weight, weightOf } from "../weight.ts";
import { applyDropout, drawDropout, dropout, type DropoutMask } from "./dropout.ts";
import { withRows, writeRows } from "./embedding.ts";
import { biasGradient, linearOutput, savedFor, weightGradient } from "./linear.ts";
import { type Matrix, matrix, multiply } from "./product.ts";

// Layers with updates.

function columns(y: Tensor, rows: RowRange): Matrix {
  return { tensor: y, stride: y.shape[1], offset: rows.start };
}

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
  const second = fused && { hidden: fused.hidden, factor: fused.site.B.tensor };
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
      else inputGradient(tape, x, weight, dy, { hidden: dHidden, factor: path.site.A.tensor });
    }
  }, [...savedFor(tape, parameter, x), ...paths.flatMap((path) => savedForPath(tape, path))]);
  for (const path of paths) releasePath(tape, path);
  return y;
}

/** dx += dy W + dh A. */
function inputGradient(
  tape: Tape,
  x: Tensor,
  weight: Weight,
  dy: Tensor,
  second?: LowRankTerm,
): void {
  const into = tape.contribute(x);
  if (into) weight.multiplyTransposed(dy, into, second);
}

// The path of one update.

/** A low-rank update of a weight's rows: ΔW[rows, :] = scaling · B A. */
export interface LowRankSite {
  /** (rank, in). */
  readonly A: Parameter;
  /** (rows, rank). */
  readonly B: Parameter;
  /** α / r, or α / √r when rank-stabilized. */
  readonly scaling: number;
  /** Output rows that it changes. */
  readonly rows: SiteRows;
  /** Share of its input that dropout zeroes while training. */
  readonly dropout: number;
}

/** Values of a site's forward pass that its backward pass needs. */
export interface LowRankPath {
  /** The site. */
  readonly site: LowRankSite;
  /** Its input after dropout; x itself without dropout. */
  readonly input: Tensor;
  /** The mask that was drawn, if any. */
  readonly mask: DropoutMask | undefined;
  /** scaling · input Aᵀ, (tokens, rank). */
  readonly hidden: Tensor;
}

/** h = scaling · drop(x) Aᵀ of a site; `outputs` is the number of the weight's rows. */
function lowRankPath(
  tape: Tape,
  x: Tensor,
  site: LowRankSite,
  outputs: number,
): LowRankPath {
  const [tokens, width] = x.shape;
  const rank = site.A.shape[0];
  assertSite(site, width, outputs);
  const mask = drawDropout(tape, site.dropout);
  const input = mask ? dropout(tape, x, mask) : x;
  const hidden = tape.activation([tokens, rank], `${site.A.name} hidden`);
  multiply(matrix(input), matrix(site.A.tensor), matrix(hidden), {
    m: tokens,
    n: rank,
    k: width,
    transposeB: true,
    alpha: site.scaling,
  });
  return { site, input, mask, hidden };
}

/** The tensors that {@link lowRankBackward} reads. */
function savedForPath(tape: Tape, { site, input, hidden }: LowRankPath): Tensor[] {
  return [...savedFor(tape, site.A, input), ...savedFor(tape, site.B, hidden)];
}

/** Releases the tensors that {@link lowRankPath} made. */
function releasePath(tape: Tape, { input, mask, hidden }: LowRankPath): void {
  tape.release(hidden, ...(mask ? [input] : []));
}

/** y[:, rows] += h Bᵀ. */
function addUpdate({ site, hidden }: LowRankPath, y: Tensor): void {
  const [m, k] = hidden.shape;
  for (const range of rangesOf(site.rows)) {
    const options = { m, n: range.count, k, transposeB: true, accumulate: 1 } as const;
    multiply(matrix(hidden), blockOf(site.B.tensor, range), columns(y, range), options);
  }
}

/** dB += dyᵀ h and dA += dhᵀ drop(x); returns dh = scaling · dy B if A or x needs it. */
function lowRankBackward(
  tape: Tape,
  x: Tensor,
  path: LowRankPath,
  dy: Tensor,
): Tensor | undefined {
  const { site, hidden } = path;
  const [tokens, rank] = hidden.shape;
  gradientOfB(tape, path, dy);
  if (!tape.tracks(site.A) && !tape.tracks(x)) return;
  const dHidden = tape.device.allocate([tokens, rank], "f32", "scratch", `${site.A.name} dHidden`);
  for (const range of rangesOf(site.rows)) {
    multiply(columns(dy, range), blockOf(site.B.tensor, range), matrix(dHidden), {
      m: tokens,
      n: rank,
      k: range.count,
      alpha: site.scaling,
      accumulate: range.before > 0 ? 1 : 0,
    });
  }
  gradientOfA(tape, path, dHidden);
  return dHidden;
}

function gradientOfB(tape: Tape, { site, hidden }: LowRankPath, dy: Tensor): void {
  const intoB = tape.contribute(site.B);
  if (!intoB) return;
  const [k, n] = hidden.shape;
  for (const range of rangesOf(site.rows)) {
    multiply(columns(dy, range), matrix(hidden), blockOf(intoB.tensor, range), {
      m: range.count,
      n,
      k,
      transposeA: true,
      accumulate: intoB.accumulate,
    });
  }
}

function gradientOfA(tape: Tape, { site, input }: LowRankPath, dHidden: Tensor): void {
  const into = tape.contribute(site.A);
  if (!into) return;
  multiply(matrix(dHidden), matrix(input), matrix(into.tensor), {
    m: dHidden.shape[1],
    n: input.shape[1],
    k: input.shape[0],
    transposeA: true,
    accumulate: into.accumulate,
  });
}

/** dx += undrop(dh A). */
function addInputGradient(
  tape: Tape,
  x: Tensor,
  { site, mask }: LowRankPath,
  dHidden: Tensor,
): void {
  const into = tape.contribute(x);
  if (!into) return;
  const [m, k] = dHidden.shape, n = x.shape[1];
  if (!mask) {
    const { accumulate } = into;
    multiply(matrix(dHidden), matrix(site.A.tensor), matrix(into.tensor), { m, n, k, accumulate });
    return;
  }
  using dInput = tape.device.allocate(x.shape, "f32", "scratch", `${site.A.name} dInput`);
  multiply(matrix(dHidden), matrix(site.A.tensor), matrix(dInput), { m, n, k });
  applyDropout(dInput, into.tensor, mask, into.accumulate);
}

function assertSite({ A, B, rows }: LowRankSite, width: number, outputs: number): void {
  assertShape(A.name, A.shape, [A.shape[0], width]);
  assertShape(B.name, B.shape, [countRows(rows), A.shape[0]]);
  const outside = rangesOf(rows).find(({ start, count }) => start < 0 || start + count > outputs);
  if (!outside) return;
  throw new ShapeError(
    `a site's rows must be within the weight's ${outputs}, found ${outside.count} from row ${outside.start}`,
  );
}

/** The rows of B, or of its gradient, that belong to a range of a site's rows. */
export function blockOf(B: Tensor, { before }: SiteRange): Matrix {
  return { ...matrix(B), offset: before * B.shape[1] };
}
