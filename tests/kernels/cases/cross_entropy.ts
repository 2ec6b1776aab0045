/** Cases of the cross-entropy. @module */

import { crossEntropyBackward, crossEntropyForward } from "../../../kernels/mod.ts";
import type { Numbers } from "../../../kernels/kernel.ts";
import { Random } from "../../../src/core/random.ts";
import { each, expError, gamma, logError, sumAbs, tiny, u } from "../error_model.ts";
import type { Bound, KernelCase } from "../kernel_case.ts";
import { awkward, normals } from "./values.ts";

const vocabularies = [...awkward, 255, 1000, 5003];

/** Labels of which about a fifth is ignored. */
function labelsFor(seed: number, rows: number, vocabulary: number): Int32Array {
  const random = new Random(seed);
  return Int32Array.from(
    { length: rows },
    () => random.uniform() < 0.2 ? -100 : random.integer(vocabulary),
  );
}

/** The exponentials' errors, each weighted by its share, then γ of their sum, then the logarithm's. */
export function logSumExpError(
  logits: Numbers,
  at: number,
  vocabulary: number,
  lse: number,
): number {
  let error = 0, largest = -Infinity;
  for (let j = 0; j < vocabulary; j++) largest = Math.max(largest, logits[at + j]);
  for (let j = 0; j < vocabulary; j++) {
    const x = logits[at + j] - largest;
    error += Math.exp(logits[at + j] - lse) * expError(x, u * Math.abs(x));
  }
  return error + gamma(vocabulary) + logError(lse - largest) + u * Math.abs(lse);
}

const forwardBound: Bound = ({ logits, labels }, { logSumExp }, s) => {
  const lseError = each(
    s.rows,
    (row) => logSumExpError(logits, row * s.vocabulary, s.vocabulary, logSumExp[row]),
  );
  return {
    logSumExp: lseError,
    losses: each(s.rows, (row) => {
      if (labels[row] < 0) return 0;
      const at = row * s.vocabulary, mean = sumAbs(logits, at, s.vocabulary) / s.vocabulary;
      const terms = Math.abs(logSumExp[row]) + Math.abs(logits[at + labels[row]]) +
        s.smoothing * mean;
      return s.scale *
        (lseError[row] + gamma(6) * terms + gamma(s.vocabulary) * s.smoothing * mean);
    }),
  };
};

/** One of the forward. */
export function crossEntropyCase(
  rows: number,
  vocabulary: number,
  smoothing: number,
  spread = 3,
): KernelCase {
  return {
    name: `${rows} x ${vocabulary}, smoothing ${smoothing}, spread ${spread}`,
    kernel: crossEntropyForward,
    buffers: {
      logits: normals(1, rows * vocabulary, spread),
      labels: labelsFor(2, rows, vocabulary),
      losses: rows,
      logSumExp: rows,
    },
    scalars: { rows, vocabulary, smoothing: Math.fround(smoothing), scale: Math.fround(1 / rows) },
    bound: forwardBound,
  };
}

const backwardBound: Bound = ({ logits, labels, logSumExp, dLoss }, _, s) => ({
  logits: each(logits.length, (at) => {
    const row = Math.floor(at / s.vocabulary), label = row * s.vocabulary + labels[row];
    const factor = labels[row] < 0 ? 0 : Math.abs(dLoss[0] * s.scale);
    const x = logits[at] - logSumExp[row], p = Math.exp(x);
    const share = (at === label ? 1 : 0) + s.smoothing / s.vocabulary;
    const error = p * expError(x, u * Math.abs(x)) + gamma(6) * (p + share) + tiny;
    return factor * error;
  }),
});

function backwardCase(rows: number, vocabulary: number, smoothing: number): KernelCase {
  const logits = normals(3, rows * vocabulary, 3), labels = labelsFor(4, rows, vocabulary);
  const logSumExp = new Float32Array(rows), losses = new Float32Array(rows);
  crossEntropyForward.reference(
    { logits, labels, losses, logSumExp },
    { rows, vocabulary, smoothing, scale: 1 },
  );
  return {
    name: `${rows} x ${vocabulary}, smoothing ${smoothing}`,
    kernel: crossEntropyBackward,
    buffers: { labels, logSumExp, dLoss: Float32Array.of(-1.75), logits },
    scalars: {
      ...{ rows, vocabulary },
      smoothing: Math.fround(smoothing),
      scale: Math.fround(1 / rows),
    },
    bound: backwardBound,
  };
}

/** All of them. */
export const crossEntropyCases: readonly KernelCase[] = vocabularies.flatMap((vocabulary) => [
  crossEntropyCase(1, vocabulary, 0),
  crossEntropyCase(17, vocabulary, 0, 30),
  crossEntropyCase(17, vocabulary, 0.1),
  backwardCase(1, vocabulary, 0),
  backwardCase(17, vocabulary, 0.1),
]);
