/** The hyperbolic tangent. @module */

import { tanhBackward, tanhForward } from "../../../kernels/tanh/kernel.ts";
import type { Tensor } from "../../device/device.ts";
import type { Tape } from "../tape.ts";

/** y = tanh(x); the gradient is dy · (1 - y²). */
export function tanh(tape: Tape, x: Tensor): Tensor {
  const y = tape.activation(x.shape, "tanh");
  tape.device.launch(tanhForward, { x, y }, { size: x.size });
  return tape.record(y, [x], (dy) => {
    const into = tape.contribute(x);
    if (!into) return;
    const { tensor: dx, accumulate } = into;
    tape.device.launch(tanhBackward, { y, dy, dx }, { size: x.size, accumulate });
  }, [y]);
}
