/**
 * Sums and multiples of tensors: residual connections, adding to some columns, and scaling.
 *
 * @module
 */

import { addKernel, scaleAdd } from "../../../kernels/elementwise/kernel.ts";
import { assertShape } from "../../core/tensor.ts";
import { rangesOf, type RowRange, type SiteRange, type SiteRows } from "../../core/update.ts";
import type { Tensor } from "../../device/device.ts";
import { type Differentiable, type Tape, valueOf } from "../tape.ts";
import { assertWindow, type ColumnWindow, copyColumns, passColumns } from "./product.ts";

/**
 * out = a + b, element by element; the gradient of both is that of out.
 *
 * @throws {ShapeError} when the shapes differ.
 */
export function add(tape: Tape, a: Differentiable, b: Differentiable): Tensor {
  assertShape("the second addend", b.shape, a.shape);
  const out = tape.activation(a.shape, "sum");
  tape.device.launch(addKernel, { a: valueOf(a), b: valueOf(b), out }, { size: out.size });
  return tape.record(out, [a, b], (dOut) => {
    tape.pass(a, dOut);
    tape.give(b, dOut);
  }, []);
}

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

/** y = factor · x; the gradient is factor · dy. */
export function scale(tape: Tape, x: Tensor, factor: number): Tensor {
  const y = tape.activation(x.shape, "scaled");
  const extents = { size: x.size, xOffset: 0, yOffset: 0, alpha: factor };
  tape.device.launch(scaleAdd, { x, y }, { ...extents, accumulate: 0 });
  return tape.record(y, [x], (dy) => {
    const into = tape.contribute(x);
    if (!into) return;
    const { tensor, accumulate } = into;
    tape.device.launch(scaleAdd, { x: dy, y: tensor }, { ...extents, accumulate });
  }, []);
}
