/** AdamW over a flat range of parameters, clipped by a norm that stays on the device. @module */

import { ceilDivide, defineKernel, f32, type Kernel } from "../kernel.ts";
import code from "./adamw.wgsl" with { type: "text" };

const scalars = {
  size: "u32",
  learningRate: "f32",
  beta1: "f32",
  complement1: "f32",
  beta2: "f32",
  complement2: "f32",
  epsilon: "f32",
  keep: "f32",
  correction1: "f32",
  correction2: "f32",
  maxNorm: "f32",
} as const;

/** A kernel of AdamW's step, with the buffers `B`. */
export type AdamWKernel<B extends string> = Kernel<
  B,
  | "size"
  | "learningRate"
  | "beta1"
  | "complement1"
  | "beta2"
  | "complement2"
  | "epsilon"
  | "keep"
  | "correction1"
  | "correction2"
  | "maxNorm"
>;

/**
 * One decoupled Adam step (Loshchilov and Hutter, algorithm 2, as PyTorch computes it):
 *
 *     g = gradient · (maxNorm > 0 ? min(1, maxNorm / (norm + 1e-6)) : 1)
 *     first = β₁ first + complement₁ g        second = β₂ second + complement₂ g²
 *     parameter = parameter · keep - learningRate · (first / correction1) / (√(second / correction2) + ε)
 *
 * with complementᵢ = 1 - βᵢ, correctionᵢ = 1 - βᵢ^step and keep = 1 - learningRate · weightDecay, all
 * computed on the host in double precision: 1 - 0.999 in F32 has a relative error of 5e-5. Without
 * clipping, `norm` is not read: pass any buffer.
 */
export const adamw: AdamWKernel<"parameter" | "gradient" | "first" | "second" | "norm"> =
  defineKernel({
    name: "adamw",
    bindings: {
      parameter: f32.update,
      gradient: f32.read,
      first: f32.update,
      second: f32.update,
      norm: f32.read,
    },
    scalars,
    elements: ({ size, maxNorm }) => ({
      parameter: size,
      gradient: size,
      first: size,
      second: size,
      norm: maxNorm > 0 ? 1 : 0,
    }),
    wgsl: { code, workgroups: ({ size }) => ceilDivide(size, 1024) },
    cpu: { units: ({ size }) => size, grain: () => 4096 },
    reference({ parameter, gradient, first, second, norm }, s) {
      const clip = s.maxNorm > 0 ? Math.min(1, s.maxNorm / (norm[0] + 1e-6)) : 1;
      for (let i = 0; i < s.size; i++) {
        const g = gradient[i] * clip;
        first[i] = s.beta1 * first[i] + s.complement1 * g;
        second[i] = s.beta2 * second[i] + s.complement2 * g * g;
        const step = first[i] / s.correction1 / (Math.sqrt(second[i] / s.correction2) + s.epsilon);
        parameter[i] = parameter[i] * s.keep - s.learningRate * step;
      }
    },
  });
