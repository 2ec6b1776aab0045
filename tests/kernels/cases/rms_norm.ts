/** Cases of normalization by the root mean square. @module */

import { rmsNormBackward, rmsNormBackwardWeight, rmsNormForward } from "../../../kernels/mod.ts";
import type { Numbers } from "../../../kernels/kernel.ts";
import { each, gamma, u } from "../error_model.ts";
import type { Buffers, KernelCase } from "../kernel_case.ts";
import { awkward, normals, target } from "./values.ts";

const widths = [...awkward, 768, 1000];

/** The mean square errs relatively by γ(w + 3), 1/√ by half of that and 4 u (WGSL: 2 ulp). */
function forwardCase(rows: number, width: number): KernelCase {
  const scaleError = gamma(width + 3) / 2 + 4 * u;
  return {
    name: `${rows} x ${width}`,
    kernel: rmsNormForward,
    buffers: {
      x: normals(1, rows * width),
      weight: normals(2, width),
      y: rows * width,
      inverseRoot: rows,
    },
    scalars: { rows, width, epsilon: Math.fround(1e-5) },
    bound: (_, { y, inverseRoot }) => ({
      y: each(y.length, (at) => (scaleError + gamma(3)) * Math.abs(y[at])),
      inverseRoot: each(rows, (row) => scaleError * inverseRoot[row]),
    }),
  };
}

/** Inverse roots that the forward keeps for the backward, rounded to F32. */
function inverseRoots(x: Float32Array, rows: number, width: number): Float32Array {
  const inverseRoot = new Float32Array(rows), weight = new Float32Array(width);
  const buffers = { x, weight, y: new Float32Array(x.length), inverseRoot };
  rmsNormForward.reference(buffers, { rows, width, epsilon: 1e-5 });
  return inverseRoot;
}

/** The sum errs by γ(w + 6) of its terms' magnitudes. */
function backwardBound(before: Buffers, width: number, accumulate: number): Numbers {
  const { x, weight, inverseRoot, dy, dx } = before;
  return each(dx.length, (at) => {
    const row = Math.floor(at / width), start = row * width, scale = inverseRoot[row];
    const gradient = (i: number) => Math.abs(dy[start + i] * weight[i]);
    let product = 0;
    for (let i = 0; i < width; i++) product += gradient(i) * Math.abs(x[start + i]) * scale;
    const value = gradient(at - start) + Math.abs(x[at]) * scale * product / width;
    return gamma(width + 10) * scale * value + (accumulate && 2 * u * Math.abs(dx[at]));
  });
}

function backwardCase(rows: number, width: number, accumulate: number): KernelCase {
  const x = normals(4, rows * width);
  return {
    name: `${rows} x ${width}, accumulate ${accumulate}`,
    kernel: rmsNormBackward,
    buffers: {
      x,
      weight: normals(5, width),
      inverseRoot: inverseRoots(x, rows, width),
      dy: normals(6, rows * width),
      dx: target(7, rows * width, accumulate),
    },
    scalars: { rows, width, accumulate },
    bound: (before) => ({ dx: backwardBound(before, width, accumulate) }),
  };
}

function weightCase(rows: number, width: number, accumulate: number): KernelCase {
  const x = normals(8, rows * width);
  return {
    name: `${rows} x ${width}, accumulate ${accumulate}`,
    kernel: rmsNormBackwardWeight,
    buffers: {
      x,
      inverseRoot: inverseRoots(x, rows, width),
      dy: normals(9, rows * width),
      dWeight: target(10, width, accumulate),
    },
    scalars: { rows, width, accumulate },
    bound: ({ x, inverseRoot, dy, dWeight }) => ({
      dWeight: each(width, (i) => {
        let sum = accumulate ? Math.abs(dWeight[i]) : 0;
        for (let row = 0; row < rows; row++) {
          sum += Math.abs(dy[row * width + i] * x[row * width + i]) * inverseRoot[row];
        }
        return gamma(rows + 4) * sum;
      }),
    }),
  };
}

/** All of them. */
export const rmsNormCases: readonly KernelCase[] = [
  ...widths.flatMap((width) => [forwardCase(1, width), forwardCase(17, width)]),
  ...[...awkward, 100].flatMap((width) => [
    backwardCase(1, width, 0),
    backwardCase(17, width, 1),
    weightCase(1, width, 0),
    weightCase(33, width, 1),
    weightCase(300, width, 0),
  ]),
];
