/** Quantizing to 4 bits. @module */

import { type HostTensor, hostTensor, isFloat, nonFiniteAt } from "../core/host_tensor.ts";
import { assertOptions } from "../core/options.ts";
import { formatShape, positionIn } from "../core/shape.ts";
import { codeValues, dynamicMap, type FourBitCode, fourBitCodes } from "./codes.ts";
import {
  assertOneOf,
  blockSizes,
  type QuantizedAbsmax,
  type QuantizedTensor,
  scalesPerBlock,
  type UnquantizedType,
  unquantizedTypes,
} from "./quantized_tensor.ts";
import { codeOf, roundBlocks, type Rounding, roundingTo } from "./rounding.ts";

/** How a tensor is quantized. */
export interface QuantizeOptions {
  /** What the 4 bits stand for. Default `nf4`. */
  readonly code?: FourBitCode;
  /** Values per block: a power of two from 32 to 4096. Default 64. */
  readonly blockSize?: number;
  /** Whether the scales are quantized too, to 8 bits in blocks of 256. Default true. */
  readonly doubleQuantization?: boolean;
  /** The type that the values had, which bitsandbytes dequantizes to. Default `float32`. */
  readonly type?: UnquantizedType;
}

/**
 * Quantizes a tensor to 4 bits, to the bytes of bitsandbytes' portable path.
 *
 * Values are taken in row-major order, in blocks. Each is divided by its block's largest magnitude and
 * rounded to the nearest value of the code, a middle to the smaller one. With blocks of 64 and double
 * quantization this takes 4 + 8/64 + 32/(64 · 256) = 4.127 bits a value (Dettmers et al. 2023, section 3).
 * The error of normal values is about 9% of their norm.
 *
 * A block of zeros stays zero. bitsandbytes on CUDA writes other bytes for such a block, of the same values.
 *
 * @throws {RangeError} when an option is none of those allowed, there are no values, or one is not finite in
 * F32.
 * @throws {TypeError} when the values are not floats.
 * @throws {ShapeError} when the data do not fill the shape.
 *
 * @example
 * ```ts
 * import { dequantize, quantize } from "@lowrank/core/quant";
 *
 * const weight = { shape: [1, 3], data: Float32Array.of(0.5, -0.25, 0.125) };
 * const { packed } = quantize(weight, { doubleQuantization: false });
 * console.log([...packed]); // [242, 167]
 * console.log(dequantize(quantize(weight)).data[0]); // 0.5
 * ```
 */
export function quantize(tensor: HostTensor, options: QuantizeOptions = {}): QuantizedTensor {
  assertOptions("quantize", options, {
    code: true,
    blockSize: true,
    doubleQuantization: true,
    type: true,
  });
  const { code = "nf4", blockSize = 64, doubleQuantization = true, type = "float32" } = options;
  assertOneOf("the code of quantize", code, fourBitCodes);
  assertOneOf("the block size of quantize", blockSize, blockSizes);
  assertOneOf("the double quantization of quantize", doubleQuantization, [true, false]);
  assertOneOf("the type of quantize", type, unquantizedTypes);
  const values = floatValues("values to quantize", tensor);
  const { packed, absmax } = packBlocks(values, blockSize, roundingTo(codeValues(code)));
  return {
    shape: tensor.shape,
    code,
    blockSize,
    packed,
    absmax: doubleQuantization ? quantizeAbsmax(absmax) : absmax,
    type,
  };
}

/** Values that are rounded at a time: whole blocks of any size. */
const partValues = 2 ** 16;

/** Codes, two a byte, and scales; codes that are a byte each exist for a part of the values at a time. */
function packBlocks(values: Float32Array, blockSize: number, rounding: Rounding) {
  const packed = new Uint8Array(Math.ceil(values.length / 2));
  const absmax = new Float32Array(Math.ceil(values.length / blockSize));
  const memory = new Uint8Array(Math.min(values.length, partValues));
  for (let begin = 0; begin < values.length; begin += partValues) {
    const part = values.subarray(begin, begin + partValues);
    const rounded = roundBlocks(part, blockSize, rounding, memory);
    absmax.set(rounded.absmax, begin / blockSize);
    pack(rounded.codes, rounding, packed.subarray(begin / 2));
  }
  return { packed, absmax };
}

/**
 * Quantizes the largest magnitudes of blocks to 8 bits: their distances from the offset, in blocks of 256.
 *
 * @param offset Default: their mean. PyTorch adds in F32 in an order of its own, so its mean may differ in
 * the last bits.
 */
export function quantizeAbsmax(
  absmax: Float32Array,
  offset: number = meanOf(absmax),
): QuantizedAbsmax {
  const map = dynamicMap(), distances = absmax.map((value) => value - offset);
  const { codes, absmax: nested } = roundBlocks(distances, scalesPerBlock, roundingTo(map));
  return { codes, map, nested, offset };
}

/**
 * A tensor's values in F32.
 *
 * @throws {RangeError} when there are none, or one is not finite in F32.
 * @throws {TypeError} when they are not floats.
 * @throws {ShapeError} when they do not fill the shape.
 */
export function floatValues(what: string, { shape, data }: HostTensor): Float32Array {
  hostTensor(shape, data);
  if (!isFloat(data)) {
    throw new TypeError(`${what} must be floats, found a ${data.constructor.name}`);
  }
  if (data.length === 0) {
    throw new RangeError(
      `a tensor to quantize must have values, found shape ${formatShape(shape)}`,
    );
  }
  const values = data instanceof Float32Array ? data : Float32Array.from(data);
  const at = nonFiniteAt(values);
  if (at < 0) return values;
  throw new RangeError(
    `${what} must be finite in F32, found ${data[at]} at ${formatShape(positionIn(shape, at))}`,
  );
}

/** Two codes per byte, the first in the high half; after an odd number, that of 0. */
function pack(codes: Uint8Array, rounding: Rounding, packed: Uint8Array): void {
  for (let i = 0; 2 * i < codes.length; i++) {
    packed[i] = (codes[2 * i] << 4) | (codes[2 * i + 1] ?? codeOf(0, rounding));
  }
}

function meanOf(values: Float32Array): number {
  return Math.fround(values.reduce((sum, value) => sum + value, 0) / values.length);
}
