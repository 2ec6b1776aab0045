/** Adding to some columns of a tensor. @module */

import { scaleAdd } from "../../../kernels/elementwise/kernel.ts";
import { ShapeError } from "../../core/errors.ts";
import { formatShape } from "../../core/shape.ts";
import type { Tensor } from "../../device/tensor.ts";
import type { Tape } from "../tape.ts";

/**
 * out = x, with `addend` added to its columns from `offset`: x `(rows, columns)`, addend `(rows, fewer)`.
 *
 * @throws {ShapeError} when the addend does not fit.
 */
export function addColumns(tape: Tape, x: Tensor, addend: Tensor, offset: number): Tensor {
  const [rows, columns] = x.shape, width = addend.shape[1];
  if (addend.shape[0] !== rows || offset < 0 || offset + width > columns) {
    throw new ShapeError(
      `adding to columns from ${offset} of ${formatShape(x.shape)} cannot take ${
        formatShape(addend.shape)
      }`,
    );
  }
  const out = tape.activation(x.shape, "sum of columns");
  const whole = { size: x.size, xOffset: 0, yOffset: 0, alpha: 1, accumulate: 0 };
  tape.device.launch(scaleAdd, { x, y: out }, whole);
  for (let row = 0; row < rows; row++) {
    const part = { size: width, xOffset: row * width, yOffset: row * columns + offset };
    tape.device.launch(scaleAdd, { x: addend, y: out }, { ...part, alpha: 1, accumulate: 1 });
  }
  return tape.record(out, [x, addend], (dOut) => {
    const into = tape.contribute(addend);
    for (let row = 0; into && row < rows; row++) {
      const part = { size: width, xOffset: row * columns + offset, yOffset: row * width };
      const { tensor: y, accumulate } = into;
      tape.device.launch(scaleAdd, { x: dOut, y }, { ...part, alpha: 1, accumulate });
    }
    tape.give(x, dOut);
  });
}
