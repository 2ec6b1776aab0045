/** Cases of layer normalization. @module */

import {
  layerNormBackward,
  layerNormBackwardParameters,
  layerNormForward,
} from "../../../kernels/mod.ts";
import type { Numbers } from "../../../kernels/kernel.ts";
import { each, gamma, sumAbs, u } from "../error_model.ts";
import type { Bound, Buffers, KernelCase } from "../kernel_case.ts";
import { awkward, normals, target } from "./values.ts";

const widths = [...awkward, 768, 1000];

/**
 * The mean errs by δ = γ(w) mean|x|; so does x - μ, besides its own rounding. The variance errs relatively by
 * 2 δ s + γ(w + 4) (Cauchy-Schwarz), s = 1/√ by half of that and 4 u (WGSL: 2 ulp).
 */
const forwardBound: Bound = (before, after, { rows, width }) => {
  const { x, weight, bias } = before, { y, mean, inverseDeviation } = after;
  const meanError = each(rows, (row) => gamma(width) * sumAbs(x, row * width, width) / width);
  const scaleError = each(
    rows,
    (row) => meanError[row] * inverseDeviation[row] + gamma(width + 4) / 2 + 4 * u,
  );
  return {
    mean: meanError,
    inverseDeviation: each(rows, (row) => scaleError[row] * inverseDeviation[row]),
    y: each(rows * width, (at) => {
      const column = at % width, row = (at - column) / width;
      const centerd = Math.abs(x[at] - mean[row]), factor = Math.abs(weight[column]);
      const scaled = inverseDeviation[row] * factor;
      return meanError[row] * scaled + (scaleError[row] + gamma(4)) * centerd * scaled +
        u * (Math.abs(y[at]) + Math.abs(bias[column]));
    }),
  };
};

/** One of the forward. */
export function forwardCase(rows: number, width: number, shift: number): KernelCase {
  return {
    name: `${rows} x ${width}, mean ${shift}`,
    kernel: layerNormForward,
    buffers: {
      x: normals(1, rows * width).map((x) => x + shift),
      weight: normals(2, width),
      bias: normals(3, width),
      y: rows * width,
      mean: rows,
      inverseDeviation: rows,
    },
    scalars: { rows, width, epsilon: Math.fround(1e-5) },
    bound: forwardBound,
  };
}

/** Statistics that the forward keeps for the backward, rounded to F32. */
function statistics(x: Float32Array, rows: number, width: number) {
  const mean = new Float32Array(rows), inverseDeviation = new Float32Array(rows);
  const ones = new Float32Array(width).fill(1), y = new Float32Array(x.length);
  const buffers = { x, weight: ones, bias: ones, y, mean, inverseDeviation };
  layerNormForward.reference(buffers, { rows, width, epsilon: 1e-5 });
  return { mean, inverseDeviation };
}

/** Magnitudes of x̂, which errs by three roundings of |x| + |μ|. */
const normalized = ({ x, mean, inverseDeviation }: Buffers, at: number, row: number) =>
  (Math.abs(x[at]) + Math.abs(mean[row])) * inverseDeviation[row];

/** Each sum errs by γ(w + 6) of its terms' magnitudes. */
function backwardBound(before: Buffers, width: number, accumulate: number): Numbers {
  const { weight, dy, dx, inverseDeviation } = before;
  return each(dx.length, (at) => {
    const row = Math.floor(at / width), start = row * width;
    const gradient = (i: number) => Math.abs(dy[start + i] * weight[i]);
    let sum = 0, product = 0;
    for (let i = 0; i < width; i++) {
      sum += gradient(i);
      product += gradient(i) * normalized(before, start + i, row);
    }
    const value = gradient(at - start) + (sum + normalized(before, at, row) * product) / width;
    return gamma(width + 10) * inverseDeviation[row] * value +
      (accumulate && 2 * u * Math.abs(dx[at]));
  });
}

function backwardCase(rows: number, width: number, accumulate: number): KernelCase {
  const x = normals(4, rows * width);
  return {
    name: `${rows} x ${width}, accumulate ${accumulate}`,
    kernel: layerNormBackward,
    buffers: {
      x,
      weight: normals(5, width),
      ...statistics(x, rows, width),
      dy: normals(6, rows * width),
      dx: target(7, rows * width, accumulate),
    },
    scalars: { rows, width, accumulate },
    bound: (before) => ({ dx: backwardBound(before, width, accumulate) }),
  };
}

/** One of the gradient of the parameters. */
export function parametersCase(rows: number, width: number, accumulate: number): KernelCase {
  const x = normals(8, rows * width);
  const columnError = (before: Buffers, term: (at: number, row: number) => number, held: Numbers) =>
    each(width, (i) => {
      let sum = accumulate ? Math.abs(held[i]) : 0;
      for (let row = 0; row < rows; row++) {
        sum += Math.abs(before.dy[row * width + i]) * term(row * width + i, row);
      }
      return gamma(rows + 4) * sum;
    });
  return {
    name: `${rows} x ${width}, accumulate ${accumulate}`,
    kernel: layerNormBackwardParameters,
    buffers: {
      x,
      ...statistics(x, rows, width),
      dy: normals(9, rows * width),
      dWeight: target(10, width, accumulate),
      dBias: target(11, width, accumulate),
    },
    scalars: { rows, width, accumulate },
    bound: (before) => ({
      dWeight: columnError(before, (at, row) => normalized(before, at, row), before.dWeight),
      dBias: columnError(before, () => 1, before.dBias),
    }),
  };
}

/** All of them. */
export const layerNormCases: readonly KernelCase[] = [
  ...widths.flatMap((width) => [forwardCase(1, width, 0), forwardCase(17, width, 10)]),
  ...[...awkward, 100].flatMap((width) => [
    backwardCase(1, width, 0),
    backwardCase(17, width, 1),
    parametersCase(1, width, 0),
    parametersCase(33, width, 1),
    parametersCase(300, width, 0),
  ]),
];
