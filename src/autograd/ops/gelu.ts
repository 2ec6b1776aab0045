/** GELU in its tanh form. @module */

import { geluBackward, geluForward } from "../../../kernels/gelu/kernel.ts";
import type { Tensor } from "../../device/device.ts";
import type { Tape } from "../tape.ts";

/**
 * y = x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³))), Hugging Face's `gelu_new` (Hendrycks and Gimpel 2016,
 * section 2).
 */
export function gelu(tape: Tape, x: Tensor): Tensor {
  const y = tape.activation(x.shape, "gelu");
  tape.device.launch(geluForward, { x, y }, { size: x.size });
  return tape.record(y, [x], (dy) => {
    const into = tape.contribute(x);
    if (!into) return;
    const { tensor: dx, accumulate } = into;
    tape.device.launch(geluBackward, { x, dy, dx }, { size: x.size, accumulate });
  }, [x]);
}
