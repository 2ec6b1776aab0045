/**
 * The losses: mean cross-entropy of logits against labels, mean Kullback-Leibler divergence of a
 * student from a teacher, and squared error.
 *
 * @module
 */

import {
  crossEntropyBackward,
  crossEntropyForward,
} from "../../../kernels/cross_entropy/kernel.ts";
import { scaleAdd } from "../../../kernels/elementwise/kernel.ts";
import {
  klDivergenceBackward,
  klDivergenceForward,
} from "../../../kernels/kl_divergence/kernel.ts";
import { squaresChunk, sum, sumSquares } from "../../../kernels/reduce/kernel.ts";
import { countLabels } from "../../core/batch.ts";
import { assertOptions } from "../../core/checks.ts";
import { ShapeError } from "../../core/errors.ts";
import { type HostTensor, isFloat } from "../../core/tensor.ts";
import type { RowRange } from "../../core/update.ts";
import type { Tensor } from "../../device/device.ts";
import { piecesOf, rowPiecesOf } from "../../device/spans.ts";
import { assertFloatTargets, type LossOptions } from "../loss.ts";
import type { Tape } from "../tape.ts";
import { multiply } from "./product.ts";

/** Options of a cross-entropy. */
export interface CrossEntropyOptions extends LossOptions {
  /** Share of each target that is spread evenly over the vocabulary, in [0, 1]. Default 0. */
  readonly smoothing?: number;
}

/**
 * loss = Σ_i (log Σ_j exp z_ij - (1 - s) z_i,label - s · mean_j z_ij) / divisor, in nats, over rows
 * whose label is not negative (-100 is ignored, as in PyTorch).
 *
 * `logits` is (rows, vocabulary), `targets` a label for each row, the result a single number. With
 * several micro-batches, pass the number of labels in all of them as `divisor`.
 *
 * @throws {RangeError} when a label is not an integer below the vocabulary, all are ignored, or the
 * smoothing is not in [0, 1].
 * @throws {ShapeError} when there is not one label for each row.
 * @throws {TypeError} when the labels are floats, or an option does not exist.
 */
export function crossEntropy(
  tape: Tape,
  logits: Tensor,
  targets: ArrayLike<number> | HostTensor,
  options: CrossEntropyOptions = {},
): Tensor {
  assertOptions("crossEntropy", options, { smoothing: true, divisor: true });
  const [rows, vocabulary] = logits.shape;
  const labels = "data" in targets ? targets.data : targets;
  const { smoothing = 0, divisor = countLabels(labels) } = options;
  assertLabels(labels, rows, vocabulary);
  if (!(divisor > 0)) throw new RangeError("a loss needs a label that is not ignored, found none");
  if (!(smoothing >= 0 && smoothing <= 1)) {
    throw new RangeError(`label smoothing must be in [0, 1], found ${smoothing}`);
  }
  const labelTensor = tape.allocate([rows], "i32", "activation", "labels");
  tape.device.write(labelTensor, Int32Array.from(labels));
  const losses = tape.activation([rows], "losses");
  const logSumExp = tape.activation([rows], "logits log sum exp");
  const loss = tape.activation([1], "loss");
  const shared = { vocabulary, smoothing, scale: 1 / divisor }, pieces = rowPiecesOf(logits);
  const bindingsOf = ({ start, count }: RowRange, values: Tensor) => ({
    logits: values.view([count, vocabulary], start * vocabulary),
    labels: labelTensor.view([count], start),
    logSumExp: logSumExp.view([count], start),
  });
  for (const piece of pieces) {
    const bindings = {
      ...bindingsOf(piece, logits),
      losses: losses.view([piece.count], piece.start),
    };
    tape.device.launch(crossEntropyForward, bindings, { ...shared, rows: piece.count });
  }
  tape.device.launch(sum, { x: losses, y: loss }, { size: rows });
  tape.record(loss, [logits], (dLoss) => {
    writeOver(tape, logits, (values) => {
      for (const piece of pieces) {
        const bindings = { ...bindingsOf(piece, values), dLoss };
        tape.device.launch(crossEntropyBackward, bindings, { ...shared, rows: piece.count });
      }
    });
  }, [logits, labelTensor, logSumExp]);
  tape.release(losses, logSumExp);
  return loss;
}

/** Adds to the gradient of x what `replace` writes over its values, or over a copy where others read them. */
function writeOver(tape: Tape, x: Tensor, replace: (values: Tensor) => void): void {
  if (tape.reuse(x)) return replace(x);
  const { device } = tape, { tensor, accumulate } = tape.contribute(x)!;
  using apart = accumulate ? device.allocate(x.shape, "f32", "scratch", x.label) : undefined;
  const values = apart ?? tensor;
  for (const { start, size } of piecesOf(x)) {
    const [from, to] = [x, values].map((tensor) => tensor.view([size], start));
    device.launch(scaleAdd, { x: from, y: to }, { ...copied, size });
  }
  replace(values);
  if (apart) tape.pass(x, apart);
}

const copied = { xOffset: 0, yOffset: 0, alpha: 1, accumulate: 0 };

function assertLabels(labels: ArrayLike<number>, rows: number, vocabulary: number): void {
  if (labels.length !== rows) {
    throw new ShapeError(`${rows} rows of logits need ${rows} labels, found ${labels.length}`);
  }
  if (isFloat(labels)) {
    throw new TypeError("labels must be integers, such as an Int32Array, found floats");
  }
  for (let i = 0; i < rows; i++) {
    if (labels[i] < vocabulary && Number.isInteger(labels[i])) continue;
    throw new RangeError(
      `labels must be integers below the vocabulary of ${vocabulary}, found ${
        labels[i]
      } at position ${i}`,
    );
  }
}

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
