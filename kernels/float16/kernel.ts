/** Floats of 16 bits, for storage. @module */

import {
  bf16,
  type BindingsByAccess,
  ceilDivide,
  defineKernel,
  f16,
  f32,
  type HalfType,
  type Kernel,
} from "../kernel.ts";
import code from "./widen.wgsl" with { type: "text" };

/** Storage type of floats. */
export type StoredType = HalfType | "f32";

const bindings = { f32, f16, bf16 } as const;

/** The bindings of a storage type. */
export const bindingsIn = (type: StoredType): BindingsByAccess => bindings[type];

/** The constant by which a shader knows how a buffer stores floats. */
export const storedAs = (type: StoredType): number => Object.keys(bindings).indexOf(type);

/**
 * y[i] = the exact value of the F16 bits x[i] for i < size; infinities and NaN are kept.
 *
 * A frozen weight in 16 bits takes half the bytes and is widened where it is used.
 */
export const widenF16: Widen = widenFrom("f16");

/** The same of BF16 bits, the upper half of an F32. */
export const widenBf16: Widen = widenFrom("bf16");

/** A kernel that widens floats of 16 bits. */
export type Widen = Kernel<"x" | "y", "size">;

function widenFrom(type: HalfType): Widen {
  return defineKernel({
    name: `widen_${type}`,
    bindings: { x: bindingsIn(type).read, y: f32.write },
    scalars: { size: "u32" },
    elements: ({ size }) => ({ x: size, y: size }),
    wgsl: {
      code,
      constants: () => ({ stored: storedAs(type) }),
      workgroups: ({ size }) => ceilDivide(size, 1024),
    },
    cpu: { units: ({ size }) => size, grain: () => 16384 },
    reference({ x, y }, { size }) {
      for (let i = 0; i < size; i++) y[i] = valueOf(type, x[i]);
    },
  });
}

/** The value of a stored element, which is itself in f32. */
export function valueOf(type: StoredType, stored: number): number {
  if (type === "f32") return stored;
  return type === "f16"
    ? floatOf(stored, { exponentBits: 5, fractionBits: 10 })
    : floatOf(stored, { exponentBits: 8, fractionBits: 7 });
}

/** IEEE 754: a sign, an exponent with its bias, a fraction. */
function floatOf(
  bits: number,
  { exponentBits, fractionBits }: { exponentBits: number; fractionBits: number },
): number {
  const sign = bits & 0x8000 ? -1 : 1, most = 2 ** exponentBits - 1, scale = 2 ** fractionBits;
  const exponent = (bits >> fractionBits) & most, fraction = bits & (scale - 1);
  if (exponent === most) return fraction ? NaN : sign * Infinity;
  const bias = (most - 1) / 2, smallest = 2 ** (1 - bias) / scale;
  if (exponent === 0) return sign * fraction * smallest;
  return sign * (scale + fraction) * smallest * 2 ** (exponent - 1);
}
