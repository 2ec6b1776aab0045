/** Copying values on a device. @module */

import { scaleAdd } from "../../kernels/elementwise/kernel.ts";
import type { Tensor } from "../device/device.ts";
import { piecesOf } from "../device/spans.ts";

/** Copies values into another tensor of the same size, and returns that one. */
export function copyTensor(from: Tensor, to: Tensor): Tensor {
  for (const { start, size } of piecesOf(from)) {
    const [x, y] = [from, to].map((tensor) => tensor.view([size], start));
    const scalars = { size, xOffset: 0, yOffset: 0, alpha: 1, accumulate: 0 };
    from.device.launch(scaleAdd, { x, y }, scalars);
  }
  return to;
}
