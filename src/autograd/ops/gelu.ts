/** GELU, exact or in its tanh form. @module */

import { geluBackward, geluForward } from "../../../kernels/gelu/kernel.ts";
import { assertOptions } from "../../core/options.ts";
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
 *
 * @throws {TypeError} when an option does not exist.
 */
export function gelu(tape: Tape, x: Tensor, options: GeluOptions = {}): Tensor {
  assertOptions("gelu", options, { exact: true });
  const y = tape.activation(x.shape, "gelu");
  const scalars = { size: x.size, exact: options.exact ? 1 : 0 };
  tape.device.launch(geluForward, { x, y }, scalars);
  return tape.record(y, [x], (dy) => {
    const into = tape.contribute(x);
    if (!into) return;
    const { tensor: dx, accumulate } = into;
    tape.device.launch(geluBackward, { x, dy, dx }, { ...scalars, accumulate });
  }, [x]);
}
