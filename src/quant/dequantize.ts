/** From 4 bits back to F32. @module */

import type { HostTensor } from "../core/host_tensor.ts";
import { sizeOf } from "../core/shape.ts";
import { codeValues } from "./codes.ts";
import { assertQuantized, type QuantizedTensor, scaleOf } from "./quantized_tensor.ts";

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
