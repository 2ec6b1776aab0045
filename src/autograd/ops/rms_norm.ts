/** Normalization by the root mean square. @module */

import {
  rmsNormBackward,
  rmsNormBackwardWeight,
  rmsNormForward,
} from "../../../kernels/rms_norm/kernel.ts";
import { assertShape } from "../../core/shape.ts";
import type { Tensor } from "../../device/device.ts";
import type { Parameter } from "../parameter.ts";
import type { Tape } from "../tape.ts";

/**
 * y = x / √(mean(x²) + ε) · weight over the last axis (Zhang and Sennrich 2019, equation 4, with an ε as
 * in Llama). x is (tokens, width).
 *
 * @throws {ShapeError} when the weight is not as wide as x.
 */
export function rmsNorm(tape: Tape, x: Tensor, weight: Parameter, epsilon: number): Tensor {
  const [rows, width] = x.shape, { device } = tape;
  assertShape(weight.name, weight.shape, [width]);
  const y = tape.activation(x.shape, weight.name);
  const inverseRoot = tape.activation([rows], `${weight.name} inverse root`);
  const forward = { x, weight: weight.tensor, y, inverseRoot };
  const normalize = () => device.launch(rmsNormForward, forward, { rows, width, epsilon });
  normalize();
  const backward = (dy: Tensor) => {
    const saved = { x, inverseRoot, dy };
    const into = tape.contribute(x);
    if (into) {
      const { tensor: dx, accumulate } = into;
      const tensors = { ...saved, weight: weight.tensor, dx };
      device.launch(rmsNormBackward, tensors, { rows, width, accumulate });
    }
    const intoWeight = tape.contribute(weight);
    if (intoWeight) {
      const { tensor: dWeight, accumulate } = intoWeight;
      device.launch(rmsNormBackwardWeight, { ...saved, dWeight }, { rows, width, accumulate });
    }
  };
  tape.record(y, [x, weight], backward, [x, inverseRoot], normalize);
  tape.release(inverseRoot);
  return y;
}
