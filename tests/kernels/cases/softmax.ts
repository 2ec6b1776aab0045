/** Cases of the softmax. @module */

import { softmaxBackward, softmaxForward } from "../../../kernels/mod.ts";
import { each, expError, gamma, tiny, u } from "../error_model.ts";
import type { KernelCase } from "../kernel_case.ts";
import { awkward, integers, normals, target } from "./values.ts";

/** Keys hidden at random, and of the first sequence all. */
const maskOf = (batch: number, keys: number) =>
  integers(2, batch * keys, 2).map((shown, at) => at < keys && batch > 1 ? 0 : shown);

/** An exponential errs by that of its exponent, and the sum of all by the largest of them and its γ. */
function forwardCase(batch: number, rows: number, keys: number, hasMask: number): KernelCase {
  return {
    name: `${batch} x ${rows} x ${keys}, mask ${hasMask}`,
    kernel: softmaxForward,
    buffers: {
      x: normals(1, batch * rows * keys, 3),
      mask: hasMask ? maskOf(batch, keys) : new Uint32Array(1),
      p: batch * rows * keys,
    },
    scalars: { batch, rows, keys, hasMask },
    bound: ({ x, mask }, { p }) => ({
      p: each(p.length, (at) => {
        const first = at - at % keys, maskAt = Math.floor(first / keys / rows) * keys;
        const seen = [...Array(keys).keys()].filter((j) => !hasMask || mask[maskAt + j] !== 0);
        const largest = Math.max(...seen.map((j) => x[first + j]));
        const errorOf = (value: number) => {
          const gap = largest - value;
          // Shares of a row are rescaled to the largest of all: a second exponential and a product.
          return 2 * expError(gap, u * gap) + gamma(2);
        };
        const sum = seen.reduce((sum, j) => sum + p[first + j] * errorOf(x[first + j]), 0);
        return p[at] * (errorOf(x[at]) + sum + gamma(keys + 4)) + tiny;
      }),
    }),
  };
}

/** The sum errs by γ of its magnitudes, the difference and the product by three roundings. */
function backwardCase(rows: number, keys: number, accumulate: number): KernelCase {
  return {
    name: `${rows} x ${keys}, accumulate ${accumulate}`,
    kernel: softmaxBackward,
    buffers: {
      p: normals(3, rows * keys).map(Math.abs),
      dp: normals(4, rows * keys),
      dx: target(5, rows * keys, accumulate),
    },
    scalars: { rows, keys, accumulate },
    bound: ({ p, dp, dx }) => ({
      dx: each(dx.length, (at) => {
        const first = at - at % keys;
        let size = 0;
        for (let j = first; j < first + keys; j++) size += Math.abs(p[j] * dp[j]);
        const inner = gamma(keys + 2) * size + gamma(4) * (Math.abs(dp[at]) + size);
        return p[at] * inner + (accumulate && gamma(2) * Math.abs(dx[at])) + tiny;
      }),
    }),
  };
}

/** All of them. */
export const softmaxCases: readonly KernelCase[] = [
  ...awkward.flatMap((keys) => [
    forwardCase(1, 5, keys, 0),
    forwardCase(3, 7, keys, 1),
    backwardCase(9, keys, 0),
    backwardCase(17, keys, 1),
  ]),
  forwardCase(2, 3, 1100, 1),
  backwardCase(3, 1100, 0),
];
