/** Adding to some columns of a tensor. @module */

import { rangesOf, type RowRange, type SiteRange, type SiteRows } from "../../core/row_range.ts";
import type { Tensor } from "../../device/device.ts";
import type { Tape } from "../tape.ts";
import { assertWindow, type ColumnWindow, copyColumns, passColumns } from "./columns.ts";

/**
 * out = x, with `addend` (rows, width) added to some of its columns: the output rows of a weight.
 *
 * @throws {ShapeError} when the addend does not fit.
 */
export function addColumns(tape: Tape, x: Tensor, addend: Tensor, columns: SiteRows): Tensor {
  const ranges = rangesOf(columns);
  const windowOf = (tensor: Tensor, { start: offset, count: width }: RowRange) => {
    return { tensor, offset, width };
  };
  const pieceOf = ({ before: start, count }: SiteRange) => windowOf(addend, { start, count });
  for (const range of ranges) {
    assertWindow("what is added to", windowOf(x, range), addend.shape[0]);
    assertWindow("what is added", pieceOf(range), x.shape[0]);
  }
  const out = tape.activation(x.shape, "sum of columns");
  copyColumns(whole(x), whole(out));
  for (const range of ranges) {
    copyColumns(pieceOf(range), windowOf(out, range), { accumulate: 1 });
  }
  return tape.record(out, [x, addend], (dOut) => {
    for (const range of ranges) passColumns(tape, pieceOf(range), windowOf(dOut, range));
    tape.give(x, dOut);
  }, []);
}

const whole = (tensor: Tensor): ColumnWindow => ({ tensor, width: tensor.shape[1] });
