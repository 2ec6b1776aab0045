/**
 * The types of floats that files and devices store: F32, F16 and BF16, each a value that knows its
 * names, its size, and how its values become F32 and back. All that stores floats reads this table.
 *
 * @module
 */

import type { HostData } from "./tensor.ts";

/** The dtypes that floats can be stored as. */
export type FloatDtype = "F32" | "F16" | "BF16";

/** The dtypes of 16-bit floats. */
export type HalfDtype = Exclude<FloatDtype, "F32">;

/** The change that rounding to a dtype may make: at most a share of a value, or `least` where that is more. */
export interface Rounding {
  /** Half the distance from 1 to the next number. */
  readonly share: number;
  /** Half the smallest positive number. */
  readonly least: number;
}

/** A type of floats in a file and on a device. */
export interface FloatType {
  /** Its name in safetensors and GGUF files. */
  readonly name: FloatDtype;
  /** PyTorch's name, which `config.json` has. */
  readonly torch: "float32" | "float16" | "bfloat16";
  /** Its name as the type of a buffer's elements, and in the command line's options. */
  readonly element: "f32" | "f16" | "bf16";
  /** Bits of a value. */
  readonly bits: number;
  /** The bits of the exponent, all of which are 1 in NaN and infinity. */
  readonly exponent: number;
  /** The smallest magnitude that is rounded to infinity; to BF16, values of F64 are rounded twice. */
  readonly infinite: number;
  /** The change that rounding to it may make. */
  readonly rounding: Rounding;
  /**
   * The values of stored bytes in F32; a view of the bytes where these are F32.
   *
   * @param bytes Aligned for the type.
   * @param into Memory for values that are widened. Default: new memory.
   */
  widen(
    bytes: Uint8Array<ArrayBuffer>,
    into?: Float32Array<ArrayBuffer>,
  ): Float32Array<ArrayBuffer>;
  /** Floats as they are stored, rounded to nearest with ties to even; the same memory where nothing changes. */
  round(values: HostData): Float32Array | Uint16Array<ArrayBuffer>;
}

const f32: FloatType = {
  name: "F32",
  torch: "float32",
  element: "f32",
  bits: 32,
  exponent: 0x7f800000,
  infinite: 2 ** 128 - 2 ** 103,
  rounding: { share: 2 ** -24, least: 2 ** -150 },
  widen: ({ buffer, byteOffset, byteLength }) =>
    new Float32Array(buffer, byteOffset, byteLength / 4),
  round: (values) => values instanceof Float32Array ? values : Float32Array.from(values),
};

const f16: FloatType = {
  name: "F16",
  torch: "float16",
  element: "f16",
  bits: 16,
  exponent: 0x7c00,
  infinite: 65520,
  rounding: { share: 2 ** -11, least: 2 ** -25 },
  widen: (bytes, into) => widenWith(float16ToFloat32, bytes, into),
  round: float32ToFloat16,
};

const bf16: FloatType = {
  name: "BF16",
  torch: "bfloat16",
  element: "bf16",
  bits: 16,
  exponent: 0x7f80,
  infinite: 2 ** 128 - 2 ** 119 - 2 ** 103,
  rounding: { share: 2 ** -8, least: 2 ** -134 },
  widen: (bytes, into) => widenWith(bfloat16ToFloat32, bytes, into),
  round: float32ToBfloat16,
};

/** All types of floats, by their names in files. */
export const floatTypes: Readonly<Record<FloatDtype, FloatType>> = {
  F32: f32,
  F16: f16,
  BF16: bf16,
};

/** Their names. */
export const floatDtypes = Object.keys(floatTypes) as readonly FloatDtype[];

/** Their names as a part of a sentence. */
export const anyFloatDtype: string = `${floatDtypes.slice(0, -1).join(", ")} or ${
  floatDtypes.at(-1)
}`;

/** True for the name of a type of floats. */
export const isFloatDtype = (dtype: unknown): dtype is FloatDtype =>
  floatDtypes.some((name) => name === dtype);

/** True for the names of types of 16 bits. */
export const isHalf = (dtype: unknown): dtype is HalfDtype =>
  isFloatDtype(dtype) && floatTypes[dtype].bits === 16;

/** The type of a PyTorch's name; undefined for the name of another type. */
export const floatTypeOfTorch = (name: unknown): FloatType | undefined =>
  Object.values(floatTypes).find(({ torch }) => torch === name);

// Half precision.

function widenWith(
  widen: typeof float16ToFloat32,
  { buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>,
  into?: Float32Array<ArrayBuffer>,
): Float32Array<ArrayBuffer> {
  const bits = new Uint16Array(buffer, byteOffset, byteLength / 2);
  return widen(bits, into?.subarray(0, bits.length));
}

/**
 * Widens F16 bit patterns to F32, exactly; infinities and NaN stay so.
 *
 * @param into Memory for the values. Default: new memory.
 *
 * @example
 * ```ts
 * if (float16ToFloat32(Uint16Array.of(0x3e00))[0] !== 1.5) throw new Error("not 1.5");
 * ```
 */
export function float16ToFloat32(
  bits: Uint16Array,
  into: Float32Array<ArrayBuffer> = new Float32Array(bits.length),
): Float32Array<ArrayBuffer> {
  into.set(new Float16Array(bits.buffer, bits.byteOffset, bits.length));
  return into;
}

/**
 * Rounds to F16 bit patterns, to nearest with ties to even; values from 65520 up become infinite.
 *
 * @example
 * ```ts
 * if (float32ToFloat16(Float32Array.of(65520))[0] !== 0x7c00) throw new Error("not infinite");
 * ```
 */
export function float32ToFloat16(values: ArrayLike<number>): Uint16Array<ArrayBuffer> {
  return new Uint16Array(new Float16Array(values).buffer);
}

/**
 * Widens BF16 bit patterns (the upper half of an F32) to F32, exactly.
 *
 * @param into Memory for the values. Default: new memory.
 *
 * @example
 * ```ts
 * if (bfloat16ToFloat32(Uint16Array.of(0x3fc0))[0] !== 1.5) throw new Error("not 1.5");
 * ```
 */
export function bfloat16ToFloat32(
  bits: Uint16Array,
  into: Float32Array<ArrayBuffer> = new Float32Array(bits.length),
): Float32Array<ArrayBuffer> {
  const words = new Uint32Array(into.buffer, into.byteOffset, into.length);
  for (let index = 0; index < bits.length; index++) words[index] = bits[index] << 16;
  return into;
}

/**
 * Rounds to BF16 bit patterns, to nearest with ties to even; a NaN stays a (quiet) NaN.
 *
 * @example
 * ```ts
 * if (float32ToBfloat16(Float32Array.of(1 + 1 / 256))[0] !== 0x3f80) throw new Error("not 1");
 * ```
 */
export function float32ToBfloat16(values: ArrayLike<number>): Uint16Array<ArrayBuffer> {
  const words = new Uint32Array(Float32Array.from(values).buffer);
  const bits = new Uint16Array(words.length);
  for (let index = 0; index < words.length; index++) bits[index] = roundToUpperHalf(words[index]);
  return bits;
}

/** The upper half of an F32 pattern after rounding the lower half away. */
function roundToUpperHalf(word: number): number {
  const isNaN = (word & 0x7fffffff) > 0x7f800000;
  // Adding would carry a NaN's payload into the sign, so its quiet bit is set instead.
  return isNaN ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
}
