/** Quantizes values to 4 bits, block by block, dequantizes them, and adds updates to them. @module */

import { assertOptions } from "../core/checks.ts";
import {
  assertShape,
  formatShape,
  type HostTensor,
  hostTensor,
  isFloat,
  nonFiniteAt,
  positionIn,
  sizeOf,
} from "../core/tensor.ts";
import {
  assertOneOf,
  assertQuantized,
  blockSizes,
  codeValues,
  dynamicMap,
  formOf,
  type FourBitCode,
  fourBitCodes,
  type QuantizedAbsmax,
  type QuantizedTensor,
  scaleOf,
  scalesPerBlock,
  type UnquantizedType,
  unquantizedTypes,
} from "./quantized_tensor.ts";

// Quantizing.

/** Options of {@link quantize}. */
export interface QuantizeOptions {
  /** Table of values that the 4 bits stand for. Default `nf4`. */
  readonly code?: FourBitCode;
  /** Values per block: a power of two from 32 to 4096. Default 64. */
  readonly blockSize?: number;
  /** True if the scales are quantized too, to 8 bits in blocks of 256. Default true. */
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

// Dequantizing.

/**
 * The values of a tensor in 4 bits: that of its code times its block's scale, rounded once to F32.
 *
 * bitsandbytes rounds them to {@link QuantizedTensor.type} in the end.
 *
 * @throws {RangeError} when the code or the block size is not one of bitsandbytes'.
 * @throws {ShapeError} when the shape needs another number of bytes or scales.
 *
 * @example
 * ```ts
 * import { dequantize, quantize } from "@lowrank/core/quant";
 *
 * const zeros = { shape: [3, 40], data: new Float32Array(120) };
 * console.log(dequantize(quantize(zeros)).data.every((value) => value === 0)); // true
 * ```
 */
export function dequantize(tensor: QuantizedTensor): HostTensor {
  const { shape, code, blockSize, packed } = tensor, scales = scalesOf(tensor);
  const values = codeValues(code), data = new Float32Array(sizeOf(shape));
  for (let i = 0; i < data.length; i++) {
    const pair = packed[i >> 1];
    data[i] = values[i & 1 ? pair & 15 : pair >> 4] * scales[Math.floor(i / blockSize)];
  }
  return { shape, data };
}

/**
 * The scale of each block in F32: what its codes' values are multiplied by.
 *
 * @throws {RangeError} As {@link dequantize}.
 * @throws {ShapeError} As {@link dequantize}.
 */
export function scalesOf(tensor: QuantizedTensor): Float32Array {
  assertQuantized("a quantized tensor", tensor);
  const { absmax } = tensor;
  if (absmax instanceof Float32Array) return absmax;
  return Float32Array.from(absmax.codes, (_, block) => scaleOf(absmax, block));
}

// Rounding.

/** Rule for rounding values in [-1, 1] to a code. */
export interface Rounding {
  /** The middles between neighboring values, ascending. */
  readonly bounds: Float32Array;
  /** The code of each value, from the smallest to the largest. */
  readonly order: Uint8Array;
}

/** Values rounded to codes, one a byte, with the largest magnitude of each block. */
export interface RoundedBlocks {
  /** A code for each value. */
  readonly codes: Uint8Array<ArrayBuffer>;
  /** The largest magnitude of each block. */
  readonly absmax: Float32Array<ArrayBuffer>;
}

/** Rounding to the nearest of a code's values. A middle belongs to the smaller one. */
function roundingTo(values: Float32Array): Rounding {
  const order = Array.from(values.keys()).sort((a, b) => values[a] - values[b]);
  const pairs = order.slice(1).map((code, i) => [values[order[i]], values[code]]);
  const bounds = Float32Array.from(pairs, ([a, b]) => Math.fround(a + b) / 2);
  return { bounds, order: Uint8Array.from(order) };
}

/** The code of a value, and of what is beyond the largest. */
function codeOf(value: number, { bounds, order }: Rounding): number {
  let low = 0, high = bounds.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bounds[middle] < value) low = middle + 1;
    else high = middle;
  }
  return order[low];
}

/** A block is divided by no less, so that the reciprocal is finite; a block of zeros keeps its zeros. */
const leastDivisor = Math.fround(1e-38);

/**
 * Divides each block of F32 values by its largest magnitude and rounds to a code: bitsandbytes' bytes, which
 * depend on two of its rules. A whole block is multiplied by the reciprocal, a shorter last one is divided,
 * and the magnitude of the last one is at least 1e-38.
 *
 * @param memory Memory for the codes. Default: new memory.
 */
function roundBlocks(
  values: Float32Array,
  blockSize: number,
  rounding: Rounding,
  memory: Uint8Array<ArrayBuffer> = new Uint8Array(values.length),
): RoundedBlocks {
  const absmax = new Float32Array(Math.ceil(values.length / blockSize));
  const codes = memory.subarray(0, values.length);
  for (let block = 0; block < absmax.length; block++) {
    const begin = block * blockSize, end = Math.min(begin + blockSize, values.length);
    const isWhole = end - begin === blockSize, largest = largestIn(values, begin, end);
    const divisor = Math.max(largest, leastDivisor), reciprocal = Math.fround(1 / divisor);
    absmax[block] = isWhole ? largest : divisor;
    for (let i = begin; i < end; i++) {
      const scaled = isWhole ? values[i] * reciprocal : values[i] / divisor;
      codes[i] = codeOf(Math.fround(scaled), rounding);
    }
  }
  return { codes, absmax };
}

function largestIn(values: Float32Array, begin: number, end: number): number {
  let largest = 0;
  for (let i = begin; i < end; i++) largest = Math.max(largest, Math.abs(values[i]));
  return largest;
}

/** A tensor in 4 bits with an update in it, and what became of the update. */
export interface Requantized {
  /** W₄′, in the form of the tensor before. */
  readonly tensor: QuantizedTensor;
  /** ‖ΔW‖, Frobenius. */
  readonly deltaNorm: number;
  /** ‖W₄‖, Frobenius, of the tensor before. */
  readonly weightNorm: number;
  /**
   * Movement of the weight along ΔW, as a share of it: ⟨W₄′ − W₄, ΔW⟩ / ‖ΔW‖², 1 if nothing is lost
   * or ΔW is zero.
   */
  readonly survivingShare: number;
  /** Distance from the exact sum: ‖W₄′ − (W₄ + ΔW)‖ / ‖ΔW‖, 0 if ΔW is zero. */
  readonly relativeError: number;
}

/**
 * Quantizes W₄ + ΔW again, in the form that W₄ has.
 *
 * Values in 4 bits are those of a code, so a change is lost where it is less than half of the gap to the next
 * value. Of an update of 1% of ‖W‖ NF4 keeps about one value in each block: the largest one, which the block's
 * scale follows. That is 1/64 = 1.6% with blocks of 64, and less where scales are rounded too. FP4, with two values
 * close to 0, keeps about 10% of it. Most of an update survives from about a tenth of ‖W‖ on.
 *
 * @param delta ΔW, of the tensor's shape.
 * @throws {ShapeError} when the shapes differ, or the tensor's parts do not fit each other.
 * @throws {RangeError} when a value of ΔW or of the sum is not finite in F32, or the tensor's code, block size or
 * scales are not as bitsandbytes has them.
 * @throws {TypeError} when the values of ΔW are not floats.
 *
 * @example
 * ```ts
 * import { quantize, requantize } from "@lowrank/core/quant";
 *
 * const tensor = quantize({ shape: [2, 2], data: Float32Array.of(1, 0.5, -0.5, 0.1) });
 * const delta = { shape: [2, 2], data: Float32Array.of(0, 0.01, -0.01, 0.01) };
 * console.log(requantize(tensor, delta).survivingShare); // 0
 * ```
 */
export function requantize(tensor: QuantizedTensor, delta: HostTensor): Requantized {
  const { shape, ...form } = formOf(tensor), before = dequantize(tensor).data;
  assertShape("an update to requantize", delta.shape, shape);
  const change = floatValues("values of an update", delta);
  const sum = { shape, data: Float32Array.from(before, (value, i) => value + change[i]) };
  const after = quantize(sum, { ...form, type: tensor.type });
  return { tensor: after, ...comparison(before, change, dequantize(after).data) };
}

/** Compares a step from one tensor's values to another's with a wanted change. */
export function comparison(
  before: ArrayLike<number>,
  change: ArrayLike<number>,
  after: ArrayLike<number>,
): Omit<Requantized, "tensor"> {
  let weight = 0, whole = 0, kept = 0, error = 0;
  for (let i = 0; i < change.length; i++) {
    const step = after[i] - before[i];
    weight += before[i] ** 2;
    whole += change[i] ** 2;
    kept += step * change[i];
    error += (step - change[i]) ** 2;
  }
  return {
    deltaNorm: Math.sqrt(whole),
    weightNorm: Math.sqrt(weight),
    survivingShare: whole === 0 ? 1 : kept / whole,
    relativeError: whole === 0 ? 0 : Math.sqrt(error / whole),
  };
}
