/** The rectifier. @module */

import { reluBackward, reluForward } from "../../../kernels/relu/kernel.ts";
import type { Tensor } from "../../device/device.ts";
import type { Tape } from "../tape.ts";

/** y = max(0, x); the gradient passes where y > 0. */
export function relu(tape: Tape, x: Tensor): Tensor {
  const y = tape.activation(x.shape, "relu");
  tape.device.launch(reluForward, { x, y }, { size: x.size });
  return tape.record(y, [x], (dy) => {
    const into = tape.contribute(x);
    if (!into) return;
    const { tensor: dx, accumulate } = into;
    tape.device.launch(reluBackward, { y, dy, dx }, { size: x.size, accumulate });
  }, [y]);
}
