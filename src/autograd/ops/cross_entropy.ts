/** The mean cross-entropy of logits against labels. @module */

import {
  crossEntropyBackward,
  crossEntropyForward,
} from "../../../kernels/cross_entropy/kernel.ts";
import { scaleAdd } from "../../../kernels/elementwise/kernel.ts";
import { sum } from "../../../kernels/reduce/kernel.ts";
import { countLabels } from "../../core/batch.ts";
import { ShapeError } from "../../core/errors.ts";
import { type HostTensor, isFloat } from "../../core/host_tensor.ts";
import { assertOptions } from "../../core/options.ts";
import type { RowRange } from "../../core/row_range.ts";
import { piecesOf, rowPiecesOf } from "../../device/spans.ts";
import type { Tensor } from "../../device/device.ts";
import type { LossOptions } from "../loss.ts";
import type { Tape } from "../tape.ts";

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
