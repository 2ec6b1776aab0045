/** The gate of Llama's feed-forward layers, forward and backward. @module */

import { ceilDivide, defineKernel, f32, type Kernel } from "../kernel.ts";
import forwardCode from "./forward.wgsl" with { type: "text" };
import backwardCode from "./backward.wgsl" with { type: "text" };

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** out = silu(gate) · up with silu(g) = g / (1 + e^-g) (Shazeer 2020, equation 6). */
export const swigluForward: Kernel<"gate" | "up" | "out", "size"> = defineKernel({
  name: "swiglu_forward",
  bindings: { gate: f32.read, up: f32.read, out: f32.write },
  scalars: { size: "u32" },
  elements: ({ size }) => ({ gate: size, up: size, out: size }),
  wgsl: { code: forwardCode, workgroups: ({ size }) => ceilDivide(size, 1024) },
  cpu: { units: ({ size }) => size, grain: () => 4096 },
  reference({ gate, up, out }, { size }) {
    for (let i = 0; i < size; i++) out[i] = gate[i] * sigmoid(gate[i]) * up[i];
  },
});

/**
 * dUp = dOut · silu(gate) and dGate = dOut · up · s (1 + gate · (1 - s)) with s = 1 / (1 + e^-gate); each is
 * added with its flag.
 */
export const swigluBackward: Kernel<
  "gate" | "up" | "dOut" | "dGate" | "dUp",
  "size" | "accumulateGate" | "accumulateUp"
> = defineKernel({
  name: "swiglu_backward",
  bindings: { gate: f32.read, up: f32.read, dOut: f32.read, dGate: f32.update, dUp: f32.update },
  scalars: { size: "u32", accumulateGate: "u32", accumulateUp: "u32" },
  elements: ({ size }) => ({ gate: size, up: size, dOut: size, dGate: size, dUp: size }),
  wgsl: { code: backwardCode, workgroups: ({ size }) => ceilDivide(size, 1024) },
  cpu: { units: ({ size }) => size, grain: () => 4096 },
  reference({ gate, up, dOut, dGate, dUp }, { size, accumulateGate, accumulateUp }) {
    for (let i = 0; i < size; i++) {
      const s = sigmoid(gate[i]), slope = s * (1 + gate[i] * (1 - s));
      dGate[i] = (accumulateGate ? dGate[i] : 0) + dOut[i] * up[i] * slope;
      dUp[i] = (accumulateUp ? dUp[i] : 0) + dOut[i] * gate[i] * s;
    }
  },
});
