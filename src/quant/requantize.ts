/** Adding an update to a tensor in 4 bits, and how little of a small one is left. @module */

import { assertShape, type HostTensor } from "../core/tensor.ts";
import { dequantize, floatValues, quantize } from "./quantize.ts";
import { formOf, type QuantizedTensor } from "./quantized_tensor.ts";

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
