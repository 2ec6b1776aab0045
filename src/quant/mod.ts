/**
 * Weights in 4 bits: NF4 and FP4 with double quantization, to the bytes of bitsandbytes.
 *
 * @module
 */

export { ShapeError } from "../core/errors.ts";
export type { HostData, HostTensor, Shape } from "../core/tensor.ts";
export {
  codeValues,
  dynamicMap,
  type FourBitCode,
  type QuantizedAbsmax,
  type QuantizedForm,
  type QuantizedTensor,
  type UnquantizedType,
} from "./quantized_tensor.ts";
export {
  dequantize,
  quantize,
  quantizeAbsmax,
  type QuantizeOptions,
  scalesOf,
} from "./quantize.ts";
export { requantize, type Requantized } from "./quantize.ts";
