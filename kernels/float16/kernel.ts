/** Half precision for storage. @module */

import { ceilDivide, defineKernel, f16, f32, type Kernel } from "../kernel.ts";
import code from "./widen.wgsl" with { type: "text" };

/**
 * y[i] = the exact value of the F16 bits x[i] for i < size; infinities and NaN are kept.
 *
 * A frozen weight stored in F16 takes half the bytes and is widened where it is used.
 */
export const widen: Kernel<"x" | "y", "size"> = defineKernel({
  name: "widen",
  bindings: { x: f16.read, y: f32.write },
  scalars: { size: "u32" },
  elements: ({ size }) => ({ x: size, y: size }),
  wgsl: { code, workgroups: ({ size }) => ceilDivide(size, 1024) },
  cpu: { units: ({ size }) => size, grain: () => 16384 },
  reference({ x, y }, { size }) {
    for (let i = 0; i < size; i++) y[i] = valueOfHalf(x[i]);
  },
});

/** IEEE 754 binary16: a sign, 5 bits of exponent with bias 15, 10 bits of fraction. */
function valueOfHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}
