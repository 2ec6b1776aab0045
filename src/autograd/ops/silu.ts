/** SiLU, also called swish. @module */

import { siluBackward, siluForward } from "../../../kernels/silu/kernel.ts";
import type { Tensor } from "../../device/device.ts";
import type { Tape } from "../tape.ts";

/** y = x · s with s = 1 / (1 + e^-x); the gradient is dy · s (1 + x · (1 - s)). */
export function silu(tape: Tape, x: Tensor): Tensor {
  const y = tape.activation(x.shape, "silu");
  tape.device.launch(siluForward, { x, y }, { size: x.size });
  return tape.record(y, [x], (dy) => {
    const into = tape.contribute(x);
    if (!into) return;
    const { tensor: dx, accumulate } = into;
    tape.device.launch(siluBackward, { x, dy, dx }, { size: x.size, accumulate });
  }, [x]);
}
