/** Weights in 16 and in 4 bits, made from values in F32. @module */

import { float32ToFloat16 } from "../../src/core/float_types.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import type { Tensor } from "../../src/device/device.ts";
import { Scope } from "../../src/device/arena.ts";
import { Gpt2 } from "../../src/models/mod.ts";
import { FourBitWeight, HalfWeight, type Weight } from "../../src/nn/mod.ts";
import { dequantize, quantize, type QuantizeOptions } from "../../src/quant/mod.ts";
import { valuesOf } from "../adapt/fixtures.ts";

/** The values, rounded to F16, as a weight whose tensor the scope owns. */
export function halfWeight(scope: Scope, name: string, { shape, data }: HostTensor): HalfWeight {
  const tensor = scope.allocate(shape, "f16", "weight", name);
  scope.device.write(tensor, float32ToFloat16(Float32Array.from(data)));
  return new HalfWeight(name, tensor);
}

/** The tiny model with linear layers that are dequantized, or in 4 bits; it borrows all else. */
export async function modelIn(
  base: Gpt2,
  form: QuantizeOptions,
  isQuantized: boolean,
): Promise<Gpt2> {
  const { device } = base, owned = new Scope(device);
  const tensors = new Map<string, Tensor | Weight>();
  for (const [name, { own }] of base.parameters) tensors.set(name, own);
  for (const { weight } of base.linears) {
    const data = Float32Array.from(await valuesOf(weight.parameter!.tensor));
    const quantized = quantize({ shape: weight.shape, data }, form);
    if (isQuantized) {
      tensors.set(weight.name, FourBitWeight.of(owned, weight.name, quantized));
      continue;
    }
    const tensor = owned.allocate(weight.shape, "f32", "weight", weight.name);
    device.write(tensor, dequantize(quantized).data);
    tensors.set(weight.name, tensor);
  }
  return new Gpt2(device, base.configJson(), tensors, owned);
}
