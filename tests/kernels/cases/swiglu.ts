/** Cases of SwiGLU. @module */

import { swigluBackward, swigluForward } from "../../../kernels/mod.ts";
import { each, expError, gamma, tiny, u } from "../error_model.ts";
import type { KernelCase } from "../kernel_case.ts";
import { normals, target } from "./values.ts";

const sizes = [1, 3, 15, 16, 17, 33, 64, 1000, 9001];

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** s = 1 / (1 + e) errs relatively by (1 - s) of the exponential's error, the sum and the quotient's 5 u. */
export const sigmoidError = (x: number): number => (1 - sigmoid(x)) * expError(x) + gamma(6);

const forwardCase = (size: number): KernelCase => ({
  name: `${size}`,
  kernel: swigluForward,
  buffers: { gate: normals(1, size, 3), up: normals(2, size), out: size },
  scalars: { size },
  bound: ({ gate }, { out }) => ({
    out: each(size, (i) => (sigmoidError(gate[i]) + gamma(3)) * Math.abs(out[i]) + tiny),
  }),
});

/** In s (1 + x (1 - s)), 1 - s errs by s of the relative error of s and by u, absolutely. */
export function slopeError(x: number): number {
  const s = sigmoid(x), error = sigmoidError(x) + gamma(4);
  return s * (error * (1 + Math.abs(x) * (1 - s)) + Math.abs(x) * (s * error + 2 * u)) + 2 * u * s;
}

function backwardCase(size: number, accumulateGate: number, accumulateUp: number): KernelCase {
  return {
    name: `${size}, accumulate ${accumulateGate} ${accumulateUp}`,
    kernel: swigluBackward,
    buffers: {
      gate: normals(3, size, 3),
      up: normals(4, size),
      dOut: normals(5, size),
      dGate: target(6, size, accumulateGate),
      dUp: target(7, size, accumulateUp),
    },
    scalars: { size, accumulateGate, accumulateUp },
    bound: ({ gate, up, dOut, dGate, dUp }, after) => ({
      dGate: each(
        size,
        (i) =>
          Math.abs(dOut[i] * up[i]) * slopeError(gate[i]) + gamma(3) * Math.abs(after.dGate[i]) +
          (accumulateGate && gamma(3) * Math.abs(dGate[i])) + tiny,
      ),
      dUp: each(size, (i) => {
        const value = Math.abs(dOut[i] * gate[i]) * sigmoid(gate[i]);
        return (sigmoidError(gate[i]) + gamma(3)) * value + u * Math.abs(after.dUp[i]) +
          (accumulateUp && u * Math.abs(dUp[i])) + tiny;
      }),
    }),
  };
}

/** All of them. */
export const swigluCases: readonly KernelCase[] = sizes.flatMap((size) => [
  forwardCase(size),
  ...[0, 1].flatMap((gate) => [0, 1].map((up) => backwardCase(size, gate, up))),
]);
