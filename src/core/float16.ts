/** Half precision: F16 and BF16 as 16-bit patterns, to and from F32. @module */

/**
 * Widens F16 bit patterns to F32, exactly; infinities and NaN stay so.
 *
 * @param into Where they are put, if they are not to take new memory.
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
 * @param into Where they are put, if they are not to take new memory.
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
