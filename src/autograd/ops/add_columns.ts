/** Adding to some columns of a tensor. @module */

import type { Tensor } from "../../device/device.ts";
import type { Tape } from "../tape.ts";
import { assertWindow, type ColumnWindow, copyColumns, passColumns } from "./columns.ts";

/**
 * out = x, with `addend` (rows, width) added to its columns, starting at `offset`.
 *
 * @throws {ShapeError} when the addend does not fit.
 */
export function addColumns(tape: Tape, x: Tensor, addend: Tensor, offset: number): Tensor {
  const width = addend.shape[1], columns = (tensor: Tensor) => ({ tensor, offset, width });
  assertWindow("what is added to", columns(x), addend.shape[0]);
  const out = tape.activation(x.shape, "sum of columns");
  copyColumns(whole(x), whole(out));
  copyColumns(whole(addend), columns(out), { accumulate: 1 });
  return tape.record(out, [x, addend], (dOut) => {
    passColumns(tape, whole(addend), columns(dOut));
    tape.give(x, dOut);
  }, []);
}

const whole = (tensor: Tensor): ColumnWindow => ({ tensor, width: tensor.shape[1] });
