/**
 * Weights in 4 bits: NF4 and FP4 with double quantization, to the bytes of bitsandbytes.
 *
 * @module
 */

export { ShapeError } from "../core/errors.ts";
export type { HostData, HostTensor } from "../core/host_tensor.ts";
export type { Shape } from "../core/shape.ts";
export { codeValues, dynamicMap, type FourBitCode } from "./codes.ts";
export { dequantize, scalesOf } from "./dequantize.ts";
export { quantize, quantizeAbsmax, type QuantizeOptions } from "./quantize.ts";
export type {
  QuantizedAbsmax,
  QuantizedForm,
  QuantizedTensor,
  UnquantizedType,
} from "./quantized_tensor.ts";
export { requantize, type Requantized } from "./requantize.ts";
