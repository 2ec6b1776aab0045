/** Cases of the KL divergence. @module */

import { klDivergenceBackward, klDivergenceForward } from "../../../kernels/mod.ts";
import type { Numbers } from "../../../kernels/kernel.ts";
import { each, expError, gamma, tiny, u } from "../error_model.ts";
import type { Bound, KernelCase } from "../kernel_case.ts";
import { logSumExpError } from "./cross_entropy.ts";
import { awkward, normals, target } from "./values.ts";

const vocabularies = [...awkward, 255, 1000, 5003];

/** Of p = exp(x - lse), whose lse is off by `error`. */
function shareError(x: number, lse: number, error: number): number {
  return Math.exp(x - lse) * expError(x - lse, u * Math.abs(x - lse) + error);
}

const forwardBound: Bound = ({ logits, teacher }, { logSumExp, teacherLogSumExp }, s) => {
  const errorsOf = (x: Numbers, lse: Numbers) =>
    each(s.rows, (row) => logSumExpError(x, row * s.vocabulary, s.vocabulary, lse[row]));
  const own = errorsOf(logits, logSumExp), others = errorsOf(teacher, teacherLogSumExp);
  const losses = each(s.rows, (row) => {
    let gapError = 0;
    for (let j = row * s.vocabulary; j < (row + 1) * s.vocabulary; j++) {
      const gap = Math.abs(teacher[j] - logits[j]), lse = teacherLogSumExp[row];
      const relative = gamma(s.vocabulary + 2) * Math.exp(teacher[j] - lse);
      gapError += gap * (relative + shareError(teacher[j], lse, others[row]));
    }
    const ends = Math.abs(logSumExp[row]) + Math.abs(teacherLogSumExp[row]);
    return s.scale * ((gapError + own[row] + others[row]) * (1 + gamma(4)) + gamma(4) * ends);
  });
  return { logSumExp: own, teacherLogSumExp: others, losses };
};

/** Two rows of logits that differ by `distance` standard normals. */
function pair(rows: number, vocabulary: number, distance: number) {
  const logits = normals(1, rows * vocabulary, 3), gap = normals(2, rows * vocabulary, distance);
  return { logits, teacher: logits.map((logit, i) => logit + gap[i]) };
}

function forwardCase(rows: number, vocabulary: number, distance: number): KernelCase {
  return {
    name: `${rows} x ${vocabulary}, ${distance} apart`,
    kernel: klDivergenceForward,
    buffers: {
      ...pair(rows, vocabulary, distance),
      losses: rows,
      logSumExp: rows,
      teacherLogSumExp: rows,
    },
    scalars: { rows, vocabulary, scale: Math.fround(1 / rows) },
    bound: forwardBound,
  };
}

const backwardBound: Bound = (before, _, s) => {
  const { logits, teacher, logSumExp, teacherLogSumExp, dLoss, dLogits } = before;
  const factor = Math.abs(dLoss[0] * s.scale);
  return {
    dLogits: each(dLogits.length, (at) => {
      const row = Math.floor(at / s.vocabulary);
      const q = Math.exp(logits[at] - logSumExp[row]);
      const p = Math.exp(teacher[at] - teacherLogSumExp[row]);
      const error = shareError(logits[at], logSumExp[row], 0) +
        shareError(teacher[at], teacherLogSumExp[row], 0) + gamma(6) * (q + p) + tiny;
      return factor * error + (s.accumulate && u * (Math.abs(dLogits[at]) + factor * (q + p)));
    }),
  };
};

function backwardCase(rows: number, vocabulary: number, accumulate: number): KernelCase {
  const { logits, teacher } = pair(rows, vocabulary, 1);
  const logSumExp = new Float32Array(rows), teacherLogSumExp = new Float32Array(rows);
  const losses = new Float32Array(rows);
  klDivergenceForward.reference(
    { logits, teacher, losses, logSumExp, teacherLogSumExp },
    { rows, vocabulary, scale: 1 },
  );
  return {
    name: `${rows} x ${vocabulary}, accumulate ${accumulate}`,
    kernel: klDivergenceBackward,
    buffers: {
      ...{ logits, teacher, logSumExp, teacherLogSumExp },
      dLoss: Float32Array.of(-1.75),
      dLogits: target(5, rows * vocabulary, accumulate),
    },
    scalars: { rows, vocabulary, accumulate, scale: Math.fround(1 / rows) },
    bound: backwardBound,
  };
}

/** All of them. */
export const klDivergenceCases: readonly KernelCase[] = vocabularies.flatMap((vocabulary) => [
  forwardCase(1, vocabulary, 1),
  forwardCase(17, vocabulary, 0.01),
  forwardCase(17, vocabulary, 10),
  backwardCase(1, vocabulary, 0),
  backwardCase(17, vocabulary, 0),
  backwardCase(17, vocabulary, 1),
]);
