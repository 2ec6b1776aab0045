/**
 * Weights in 4 bits: NF4 and FP4 with double quantization, to the bytes of bitsandbytes.
 *
 * @module
 */

export { ShapeError } from "../core/errors.ts";
export type { HostData, HostTensor } from "../core/tensor.ts";
export type { Shape } from "../core/tensor.ts";
export { codeValues, dynamicMap, type FourBitCode } from "./quantized_tensor.ts";
export { dequantize, scalesOf } from "./quantize.ts";
export { quantize, quantizeAbsmax, type QuantizeOptions } from "./quantize.ts";
export type {
  QuantizedAbsmax,
  QuantizedForm,
  QuantizedTensor,
  UnquantizedType,
} from "./quantized_tensor.ts";
export { requantize, type Requantized } from "./requantize.ts";
