/** Weights in F16 made from any values. @module */

import { float32ToFloat16 } from "../../src/core/float16.ts";
import type { HostTensor } from "../../src/core/host_tensor.ts";
import type { Scope } from "../../src/device/mod.ts";
import { HalfWeight } from "../../src/nn/mod.ts";

/** The values, rounded to F16, as a weight whose tensor the scope owns. */
export function halfWeight(scope: Scope, name: string, { shape, data }: HostTensor): HalfWeight {
  const tensor = scope.allocate(shape, "f16", "weight", name);
  scope.device.write(tensor, float32ToFloat16(Float32Array.from(data)));
  return new HalfWeight(name, tensor);
}
