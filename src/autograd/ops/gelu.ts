/** GELU, exact or in its tanh form. @module */

import { geluBackward, geluForward } from "../../../kernels/gelu/kernel.ts";
import type { Tensor } from "../../device/device.ts";
import type { Tape } from "../tape.ts";

/** Which GELU. */
export interface GeluOptions {
  /** x · Φ(x), Hugging Face's `gelu`, rather than its tanh form. Default false. */
  readonly exact?: boolean;
}

/**
 * y = x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³))), Hugging Face's `gelu_new`, or if `exact` y = x · Φ(x)
 * with the standard normal distribution Φ (Hendrycks and Gimpel 2016, section 2).
 */
export function gelu(tape: Tape, x: Tensor, { exact = false }: GeluOptions = {}): Tensor {
  const y = tape.activation(x.shape, "gelu");
  const scalars = { size: x.size, exact: Number(exact) };
  tape.device.launch(geluForward, { x, y }, scalars);
  return tape.record(y, [x], (dy) => {
    const into = tape.contribute(x);
    if (!into) return;
    const { tensor: dx, accumulate } = into;
    tape.device.launch(geluBackward, { x, dy, dx }, { ...scalars, accumulate });
  }, [x]);
}
