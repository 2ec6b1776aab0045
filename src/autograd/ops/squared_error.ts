/** The squared error of outputs. @module */

import { scaleAdd } from "../../../kernels/elementwise/kernel.ts";
import { squaresChunk, sum, sumSquares } from "../../../kernels/reduce/kernel.ts";
import type { HostTensor } from "../../core/host_tensor.ts";
import type { Tensor } from "../../device/device.ts";
import { assertFloatTargets, type LossOptions } from "../loss.ts";
import type { Tape } from "../tape.ts";
import { multiply } from "./product.ts";

/**
 * loss = Σ_i ‖y_i - t_i‖² / divisor over the rows of y and of the targets t, both (rows, outputs); the
 * result is a single number. `divisor` defaults to the number of rows, so there is no mean over the
 * outputs of a row.
 *
 * @throws {ShapeError} when the targets are of another shape.
 * @throws {TypeError} when they are integers.
 */
export function squaredError(
  tape: Tape,
  y: Tensor,
  targets: HostTensor,
  { divisor = y.shape[0] }: LossOptions = {},
): Tensor {
  assertFloatTargets("targets", targets, y.shape);
  const { device } = tape, { size } = y;
  const difference = tape.activation(y.shape, "targets minus outputs");
  device.write(difference, targets.data);
  device.launch(scaleAdd, { x: y, y: difference }, { ...whole(size), alpha: -1, accumulate: 1 });
  const partials = tape.activation([Math.ceil(size / squaresChunk)], "squares");
  const squares = tape.activation([1], "sum of squares"), loss = tape.activation([1], "error");
  device.launch(sumSquares, { x: difference, partials }, { size, partialOffset: 0 });
  device.launch(sum, { x: partials, y: squares }, { size: partials.size });
  const mean = { ...whole(1), alpha: 1 / divisor, accumulate: 0 };
  device.launch(scaleAdd, { x: squares, y: loss }, mean);
  tape.record(loss, [y], (dLoss) => {
    const { tensor: dy, accumulate } = tape.contribute(y)!;
    const [row, into] = [difference, dy].map((tensor) => ({ tensor, stride: size }));
    // The loss's own gradient is on the device, so this is a product of a 1 x 1 and a 1 x size matrix.
    multiply({ tensor: dLoss, stride: 1 }, row, into, {
      ...{ m: 1, n: size, k: 1 },
      alpha: -2 / divisor,
      accumulate,
    });
  }, [difference]);
  tape.release(difference, partials, squares);
  return loss;
}

const whole = (size: number) => ({ size, xOffset: 0, yOffset: 0 });
