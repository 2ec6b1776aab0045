/** Cases of the optimizer's step. @module */

import { adamw } from "../../../kernels/mod.ts";
import { each, gamma, u } from "../error_model.ts";
import type { Bound, KernelCase } from "../kernel_case.ts";
import { normals } from "./values.ts";

/**
 * With clipping a gradient carries 4 roundings (the norm's sum, quotient and minimum, the product; WGSL
 * divides to 2.5 ulp, so 8 u), each moment 3 more, square root and quotients 6 ulp together, and an error of
 * the first moment reaches the parameter through the step.
 */
const bound: Bound = ({ gradient, first, parameter, norm }, after, s) => {
  const clip = s.maxNorm > 0 ? Math.min(1, s.maxNorm / (norm[0] + 1e-6)) : 1;
  const firstError = (i: number) =>
    gamma(11) * (Math.abs(s.beta1 * first[i]) + Math.abs(s.complement1 * gradient[i] * clip));
  const stepOf = (moment: number, i: number) =>
    s.learningRate * moment / s.correction1 /
    (Math.sqrt(after.second[i] / s.correction2) + s.epsilon);
  return {
    first: each(s.size, firstError),
    second: each(s.size, (i) => gamma(20) * after.second[i]),
    parameter: each(
      s.size,
      (i) =>
        gamma(2) * Math.abs(parameter[i] * s.keep) + stepOf(firstError(i), i) +
        (gamma(10) + 16 * u) * Math.abs(stepOf(after.first[i], i)),
    ),
  };
};

function adamwCase(size: number, step: number, maxNorm: number, weightDecay: number): KernelCase {
  const f = Math.fround, learningRate = f(3e-3), beta1 = 0.9, beta2 = 0.999;
  return {
    name: `${size}, step ${step}, maxNorm ${maxNorm}, weightDecay ${weightDecay}`,
    kernel: adamw,
    buffers: {
      parameter: normals(1, size),
      gradient: normals(2, size),
      first: normals(3, size, step > 1 ? 0.1 : 0),
      second: normals(4, size, step > 1 ? 0.1 : 0).map((x) => x * x),
      norm: maxNorm ? Float32Array.of(2) : "gradient",
    },
    scalars: {
      size,
      learningRate,
      beta1: f(beta1),
      complement1: f(1 - beta1),
      beta2: f(beta2),
      complement2: f(1 - beta2),
      epsilon: f(1e-8),
      keep: f(1 - learningRate * weightDecay),
      correction1: f(1 - beta1 ** step),
      correction2: f(1 - beta2 ** step),
      maxNorm: f(maxNorm),
    },
    bound: (before, after, s) => bound({ norm: before.gradient, ...before }, after, s),
  };
}

/** All of them. */
export const adamwCases: readonly KernelCase[] = [1, 3, 15, 16, 17, 33, 64, 1000, 9001].flatMap(
  (size) => [
    adamwCase(size, 1, 0, 0),
    adamwCase(size, 7, 0.5, 0.1),
    adamwCase(size, 1000, 100, 0.01),
  ],
);
