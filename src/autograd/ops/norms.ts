/** Layer normalization, and normalization by the root mean square. @module */

import {
  layerNormBackward,
  layerNormBackwardParameters,
  layerNormForward,
} from "../../../kernels/layer_norm/kernel.ts";
import {
  rmsNormBackward,
  rmsNormBackwardWeight,
  rmsNormForward,
} from "../../../kernels/rms_norm/kernel.ts";
import { assertShape } from "../../core/tensor.ts";
import type { Tensor } from "../../device/device.ts";
import type { Parameter } from "../parameter.ts";
import type { Tape } from "../tape.ts";

/**
 * y = (x - μ) / √(σ² + ε) · weight + bias over the last axis (Ba et al. 2016, equation 4). x is
 * (tokens, width).
 *
 * @throws {ShapeError} when the weight or bias is not as wide as x.
 */
export function layerNorm(
  tape: Tape,
  x: Tensor,
  weight: Parameter,
  bias: Parameter,
  epsilon: number,
): Tensor {
  const [rows, width] = x.shape;
  for (const { name, shape } of [weight, bias]) assertShape(name, shape, [width]);
  const y = tape.activation(x.shape, weight.name);
  const mean = tape.activation([rows], `${weight.name} mean`);
  const inverseDeviation = tape.activation([rows], `${weight.name} inverse deviation`);
  const forward = { x, weight: weight.tensor, bias: bias.tensor, y, mean, inverseDeviation };
  const normalize = () => tape.device.launch(layerNormForward, forward, { rows, width, epsilon });
  normalize();
  const backward = (dy: Tensor) => {
    const saved = { x, mean, inverseDeviation, dy };
    const into = tape.contribute(x);
    if (into) {
      tape.device.launch(
        layerNormBackward,
        { ...saved, weight: weight.tensor, dx: into.tensor },
        { rows, width, accumulate: into.accumulate },
      );
    }
    parameterGradients(tape, weight, bias, saved);
  };
  tape.record(y, [x, weight, bias], backward, [x, mean, inverseDeviation], normalize);
  tape.release(mean, inverseDeviation);
  return y;
}

function parameterGradients(
  tape: Tape,
  weight: Parameter,
  bias: Parameter,
  saved: { x: Tensor; mean: Tensor; inverseDeviation: Tensor; dy: Tensor },
): void {
  const intoWeight = tape.contribute(weight), intoBias = tape.contribute(bias);
  const into = intoWeight ?? intoBias;
  if (!into) return;
  const [rows, width] = saved.x.shape, { device } = tape;
  // The kernel computes both; a frozen parameter's gradient goes to a buffer that is never read.
  using unread = intoWeight && intoBias
    ? undefined
    : device.allocate([width], "f32", "scratch", `${weight.name} unread gradient`);
  device.launch(
    layerNormBackwardParameters,
    { ...saved, dWeight: (intoWeight?.tensor ?? unread)!, dBias: (intoBias?.tensor ?? unread)! },
    { rows, width, accumulate: into.accumulate },
  );
}

/**
 * y = x / √(mean(x²) + ε) · weight over the last axis (Zhang and Sennrich 2019, equation 4, with an ε as
 * in Llama). x is (tokens, heads · width), and each head is normalized by itself.
 *
 * @param heads Default 1: x is normalized as a whole.
 * @throws {ShapeError} when the weight is not as wide as a head.
 */
export function rmsNorm(
  tape: Tape,
  x: Tensor,
  weight: Parameter,
  epsilon: number,
  heads = 1,
): Tensor {
  const [tokens, columns] = x.shape,
    rows = tokens * heads,
    width = columns / heads,
    { device } = tape;
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
