/**
 * Tensors in 4 bits, as bitsandbytes stores them, and the values that its codes stand for.
 *
 * @module
 */

import { quote, ShapeError } from "../core/errors.ts";
import { formatShape, nonFiniteAt, type Shape, sizeOf } from "../core/tensor.ts";

// Codes.

/** Names of the 4-bit codes. */
export type FourBitCode = "nf4" | "fp4";

/**
 * Quantiles of the normal distribution, eight above 0 and seven below, and 0, over the largest of them
 * (Dettmers et al. 2023, appendix E).
 */
const nf4 = Float32Array.of(
  -1,
  -0.6961928009986877,
  -0.5250730514526367,
  -0.39491748809814453,
  -0.28444138169288635,
  -0.18477343022823334,
  -0.09105003625154495,
  0,
  0.07958029955625534,
  0.16093020141124725,
  0.24611230194568634,
  0.33791524171829224,
  0.44070982933044434,
  0.5626170039176941,
  0.7229568362236023,
  1,
);

/** A sign, two bits of exponent and one of fraction, in bitsandbytes' own order, over the largest, 12. */
const fp4 = [0, 0.0625, 8, 12, 4, 6, 2, 3];

const tables: Readonly<Record<FourBitCode, Float32Array>> = {
  nf4,
  fp4: Float32Array.from([...fp4, ...fp4.map((value) => 0 - value)], (value) => value / 12),
};

/** The names of all 4-bit codes. */
export const fourBitCodes: readonly FourBitCode[] = Object.keys(tables) as FourBitCode[];

/** Their names as a part of a sentence. */
export const anyFourBitCode: string = fourBitCodes.join(" or ");

/** True for the name of a 4-bit code. */
export const isFourBitCode = (name: unknown): name is FourBitCode =>
  fourBitCodes.some((code) => code === name);

/**
 * The 16 values of a 4-bit code in [-1, 1], by their codes: `quant_map` in bitsandbytes' files.
 *
 * @example
 * ```ts
 * import { codeValues } from "@lowrank/core/quant";
 *
 * console.log(codeValues("nf4")[15], codeValues("fp4")[3]); // 1 1
 * ```
 */
export function codeValues(code: FourBitCode): Float32Array {
  return tables[code].slice();
}

/**
 * The 256 values of bitsandbytes' dynamic map, ascending: `nested_quant_map` in its files.
 *
 * Each power of ten from 10⁻⁶ to 1 has twice as many values as the one below, evenly spaced between a tenth
 * of it and itself, up to 64 of either sign; 0 and 1 complete them (Dettmers et al. 2022, 8-bit
 * optimizers, section 2.1).
 */
export function dynamicMap(): Float32Array {
  const values = [0, 1];
  for (let decade = 0; decade < 7; decade++) {
    const scale = Math.fround(10 ** (decade - 6));
    for (const middle of middles(2 ** decade)) {
      const value = Math.fround(scale * middle);
      values.push(value, -value);
    }
  }
  return Float32Array.from(values).sort();
}

/**
 * The middles of equal parts of [0.1, 1], to the bits of `torch.linspace` in F32: the bounds come from the nearer end,
 * with a fused multiply-add.
 */
function middles(parts: number): number[] {
  const { fround } = Math, first = fround(0.1), step = fround(fround(1 - first) / parts);
  const bounds = Array.from(
    { length: parts + 1 },
    (_, i) => fround(i < (parts + 1) >> 1 ? first + step * i : 1 - step * (parts - i)),
  );
  return bounds.slice(1).map((bound, i) => fround(fround(bounds[i] + bound) / 2));
}

// Tensors.

/** Values per block that bitsandbytes allows. */
export const blockSizes: readonly number[] = [32, 64, 128, 256, 512, 1024, 2048, 4096];

/** Scales per block of double quantization. */
export const scalesPerBlock = 256;

/** PyTorch's name of a type that bitsandbytes quantizes. */
export type UnquantizedType = "float32" | "float16" | "bfloat16";

/** All types of {@link UnquantizedType}. */
export const unquantizedTypes: readonly UnquantizedType[] = ["float32", "float16", "bfloat16"];

/** A tensor in 4 bits: blocks of its values in row-major order, which may cross the ends of rows. */
export interface QuantizedTensor {
  /** Extents, outermost first. */
  readonly shape: Shape;
  /** Table of values that the codes stand for. */
  readonly code: FourBitCode;
  /** Values per block: a power of two from 32 to 4096. */
  readonly blockSize: number;
  /** Two codes per byte, the first in the high half. */
  readonly packed: Uint8Array<ArrayBuffer>;
  /** The largest magnitude of each block, by which its codes' values are multiplied. */
  readonly absmax: Float32Array<ArrayBuffer> | QuantizedAbsmax;
  /** The type that was quantized; bitsandbytes dequantizes to it. */
  readonly type: UnquantizedType;
}

/** Storage form of tensors in 4 bits. */
export interface QuantizedForm extends Pick<QuantizedTensor, "code" | "blockSize"> {
  /** True if scales are in 8 bits. */
  readonly doubleQuantization: boolean;
}

/** A form for a sentence: `nf4 in blocks of 64 with scales in 8 bits`. */
export const formText = ({ code, blockSize, doubleQuantization }: QuantizedForm): string =>
  `${code} in blocks of ${blockSize} with scales in ${doubleQuantization ? "8 bits" : "F32"}`;

/** Largest magnitudes in 8 bits: double quantization. That of block i is map[codes[i]] · nested[⌊i / 256⌋] + offset. */
export interface QuantizedAbsmax {
  /** One code for each block. */
  readonly codes: Uint8Array<ArrayBuffer>;
  /** The 256 values of the codes. */
  readonly map: Float32Array;
  /** The largest distance from the offset in each 256 of them. */
  readonly nested: Float32Array<ArrayBuffer>;
  /** Their mean, in F32. */
  readonly offset: number;
}

/** Storage form of a tensor in 4 bits: all of a quantized one but its values. */
export interface FourBitForm extends QuantizedForm, Pick<QuantizedTensor, "shape"> {}

/** The storage form of a quantized tensor. */
export function formOf({ shape, code, blockSize, absmax }: QuantizedTensor): FourBitForm {
  return { shape, code, blockSize, doubleQuantization: !(absmax instanceof Float32Array) };
}

/**
 * Throws unless the parts of a quantized tensor fit each other.
 *
 * @param what Names it in the message.
 * @throws {RangeError} when the code or the block size is not one of bitsandbytes', or a scale is not finite.
 * @throws {ShapeError} when the shape needs another number of bytes or scales.
 */
export function assertQuantized(what: string, tensor: QuantizedTensor): void {
  const { shape, code, blockSize, packed, absmax } = tensor;
  assertOneOf(`the code of ${what}`, code, fourBitCodes);
  assertOneOf(`the block size of ${what}`, blockSize, blockSizes);
  const blocks = Math.ceil(sizeOf(shape) / blockSize);
  const assertCount = (part: string, found: number, needed: number) => {
    if (found === needed) return;
    throw new ShapeError(
      `${what} of shape ${formatShape(shape)} in blocks of ${blockSize} needs ${needed} ${part}, ` +
        `found ${found}`,
    );
  };
  assertCount("packed bytes", packed.length, Math.ceil(sizeOf(shape) / 2));
  if (absmax instanceof Float32Array) {
    assertCount("scales", absmax.length, blocks);
    return assertFinite(what, absmax);
  }
  assertCount("scales", absmax.codes.length, blocks);
  assertCount("nested scales", absmax.nested.length, Math.ceil(blocks / scalesPerBlock));
  assertCount("values in the map of scales", absmax.map.length, 256);
  for (const scales of [absmax.nested, absmax.map, Float32Array.of(absmax.offset)]) {
    assertFinite(what, scales);
  }
  for (let block = 0; block < blocks; block++) { // Finite parts may have a sum that is not.
    const scale = Math.fround(scaleOf(absmax, block));
    if (!Number.isFinite(scale)) assertFinite(what, Float32Array.of(scale));
  }
}

/** A block's scale, of which these are the parts; it is to be rounded to F32. */
export const scaleOf = ({ codes, map, nested, offset }: QuantizedAbsmax, block: number): number =>
  Math.fround(map[codes[block]] * nested[Math.floor(block / scalesPerBlock)]) + offset;

function assertFinite(what: string, scales: Float32Array): void {
  const at = nonFiniteAt(scales);
  if (at < 0) return;
  throw new RangeError(`the scales of ${what} must be finite, found ${scales[at]} at [${at}]`);
}

/** Throws a `RangeError` unless a value is one of a list. */
export function assertOneOf<T>(what: string, value: unknown, list: readonly T[]): void {
  if (list.includes(value as T)) return;
  throw new RangeError(`${what} must be one of ${list.join(", ")}, found ${quote(value)}`);
}
