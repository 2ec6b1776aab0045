/** Setting tensors of any size to zero. @module */

import { fill } from "../../kernels/elementwise/kernel.ts";
import type { Tensor } from "./device.ts";

/** Writes zeros, in as many launches as the device's binding limit requires. */
export function zero(tensor: Tensor): void {
  const limit = Math.floor(Math.min(tensor.device.maxBindingBytes / 4, 2 ** 30));
  for (let start = 0; start < tensor.size; start += limit) {
    const size = Math.min(limit, tensor.size - start);
    tensor.device.launch(fill, { y: tensor.view([size], start) }, { size, value: 0 });
  }
}
