/** Cases of GELU. @module */

import { geluBackward, geluForward } from "../../../kernels/mod.ts";
import { normalCdf } from "../../../kernels/gelu/normal.ts";
import { each, expError, gamma, tiny, u } from "../error_model.ts";
import type { KernelCase } from "../kernel_case.ts";
import { normals, target } from "./values.ts";

const sizes = [1, 3, 15, 16, 17, 33, 64, 1000, 9001];

/** Argument of the tanh. */
const argument = (x: number) => Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);

/** Errors of a form at x. */
interface Errors {
  /** In the factor of x. */
  readonly gate: number;
  /** In the derivative. */
  readonly slope: number;
}

/**
 * ½ (1 + tanh a) = 1 / (1 + e^-2a): with five roundings in a, the exponential's own error, the sum and
 * the quotient it errs by s (1 - s) of the exponential's relative error and a few u, absolutely, since tanh
 * may be taken as such and 1 + tanh cancels. In s + 2 x s (1 - s) a' the second term amplifies that by |2 x
 * a'|, with three products more.
 */
function tanhErrors(x: number): Errors {
  const a = argument(x), s = 1 / (1 + Math.exp(-2 * a));
  const gate = s * (1 - s) * expError(2 * a, gamma(5) * Math.abs(2 * a)) + 6 * u;
  const slope = Math.abs(2 * x * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x));
  return { gate, slope: gate * (1 + slope) + gamma(10) * (s + slope * s * (1 - s)) };
}

/**
 * Φ(-v) = e t p(c) with e = e^(-v²/2), t = 4 / (4 + v), c = 2t - 1. t errs by 6 u (WGSL divides to 2.5 units),
 * so c by 13 u; Σ |p_k| = 0.5 and Σ k |p_k| < 0.6 make that 18 u in p, whose own fit is to 1e-8. But erf(z) =
 * 2 Φ(z √2) - 1 has to be right to 3e-7, so Φ to half of it. In Φ + x φ the second term errs as e does.
 */
function exactErrors(x: number): Errors {
  const v = Math.abs(x), e = Math.exp(-v * v / 2), t = 4 / (4 + v);
  const exponential = expError(v * v / 2, gamma(2) * v * v / 2);
  const tail = e * t * gamma(18) + normalCdf(-v) * (1e-8 + gamma(9) + exponential);
  const gate = Math.min(tail + u, 1.5e-7);
  return { gate, slope: gate + 0.4 * v * e * (exponential + gamma(4)) };
}

const errorsOf = (x: number, exact: number) => exact ? exactErrors(x) : tanhErrors(x);

/** One of the forward. */
export const geluCase = (size: number, exact: number): KernelCase => ({
  name: `${size}, exact ${exact}`,
  kernel: geluForward,
  buffers: { x: normals(1, size, 3), y: size },
  scalars: { size, exact },
  bound: ({ x }, { y }) => ({
    y: each(
      size,
      (i) => Math.abs(x[i]) * errorsOf(x[i], exact).gate + gamma(3) * Math.abs(y[i]) + tiny,
    ),
  }),
});

function backwardCase(size: number, exact: number, accumulate: number): KernelCase {
  return {
    name: `${size}, exact ${exact}, accumulate ${accumulate}`,
    kernel: geluBackward,
    buffers: { x: normals(2, size, 3), dy: normals(3, size), dx: target(4, size, accumulate) },
    scalars: { size, exact, accumulate },
    bound: ({ x, dy, dx }, after) => ({
      dx: each(
        size,
        (i) =>
          Math.abs(dy[i]) * errorsOf(x[i], exact).slope + gamma(2) * Math.abs(after.dx[i]) +
          (accumulate && u * Math.abs(dx[i])) + tiny,
      ),
    }),
  };
}

/** All of them. */
export const geluCases: readonly KernelCase[] = [0, 1].flatMap((exact) =>
  sizes.flatMap((size) => [
    geluCase(size, exact),
    backwardCase(size, exact, 0),
    backwardCase(size, exact, 1),
  ])
);
