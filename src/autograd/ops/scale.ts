/** A multiple of a tensor. @module */

import { scaleAdd } from "../../../kernels/elementwise/kernel.ts";
import type { Tensor } from "../../device/device.ts";
import type { Tape } from "../tape.ts";

/** y = factor · x; the gradient is factor · dy. */
export function scale(tape: Tape, x: Tensor, factor: number): Tensor {
  const y = tape.activation(x.shape, "scaled");
  const extents = { size: x.size, xOffset: 0, yOffset: 0, alpha: factor };
  tape.device.launch(scaleAdd, { x, y }, { ...extents, accumulate: 0 });
  return tape.record(y, [x], (dy) => {
    const into = tape.contribute(x);
    if (!into) return;
    const { tensor, accumulate } = into;
    tape.device.launch(scaleAdd, { x: dy, y: tensor }, { ...extents, accumulate });
  }, []);
}
