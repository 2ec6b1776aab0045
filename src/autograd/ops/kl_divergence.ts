/** The mean Kullback-Leibler divergence of a student's distribution from a teacher's. @module */

import {
  klDivergenceBackward,
  klDivergenceForward,
} from "../../../kernels/kl_divergence/kernel.ts";
import { sum } from "../../../kernels/reduce/kernel.ts";
import type { HostTensor } from "../../core/host_tensor.ts";
import type { Tensor } from "../../device/device.ts";
import { assertFloatTargets, type LossOptions } from "../loss.ts";
import type { Tape } from "../tape.ts";

/**
 * loss = Σ_i KL(softmax(teacher_i) ‖ softmax(logits_i)) / divisor, in nats: the distillation loss
 * (Hinton et al. 2015, at temperature 1) minus the teacher's entropy.
 *
 * `logits` and `teacher` are (rows, vocabulary), the result a single number, 0 if they agree. The
 * teacher gets no gradient. `divisor` defaults to the number of rows.
 *
 * @throws {ShapeError} when the teacher's logits are of another shape.
 * @throws {TypeError} when they are integers.
 */
export function klDivergence(
  tape: Tape,
  logits: Tensor,
  teacher: HostTensor,
  { divisor = logits.shape[0] }: LossOptions = {},
): Tensor {
  assertFloatTargets("the teacher's logits", teacher, logits.shape);
  const { device } = tape, [rows, vocabulary] = logits.shape;
  const teacherTensor = tape.activation(teacher.shape, "teacher's logits");
  device.write(teacherTensor, teacher.data);
  const losses = tape.activation([rows], "divergences");
  const logSumExp = tape.activation([rows], "logits log sum exp");
  const teacherLogSumExp = tape.activation([rows], "teacher's log sum exp");
  const loss = tape.activation([1], "divergence");
  const bindings = { logits, teacher: teacherTensor, logSumExp, teacherLogSumExp };
  const scalars = { rows, vocabulary, scale: 1 / divisor };
  device.launch(klDivergenceForward, { ...bindings, losses }, scalars);
  device.launch(sum, { x: losses, y: loss }, { size: rows });
  tape.record(loss, [logits], (dLoss) => {
    const { tensor: dLogits, accumulate } = tape.contribute(logits)!;
    device.launch(klDivergenceBackward, { ...bindings, dLoss, dLogits }, {
      ...scalars,
      accumulate,
    });
  }, Object.values(bindings));
  tape.release(teacherTensor, losses, logSumExp, teacherLogSumExp);
  return loss;
}
