/** Rotary position embedding of queries and keys. @module */

import { rotaryKernel } from "../../../kernels/rotary/kernel.ts";
import { ShapeError } from "../../core/errors.ts";
import { assertShape } from "../../core/tensor.ts";
import type { Tensor } from "../../device/device.ts";
import type { Tape } from "../tape.ts";
import { assertWindow, type ColumnWindow, contributeColumns } from "./product.ts";

/**
 * Rotates each head of a window, (tokens, heads · d), by the angles θ of its token's position: with the
 * halves x1 and x2 of a head, [x1 cos θ - x2 sin θ | x2 cos θ + x1 sin θ] (Su et al. 2021, equation 34,
 * with Hugging Face's pairs). The gradient is rotated back.
 *
 * Row p of `table`, (positions, d), is [cos θ | sin θ] of position p, d / 2 each; `positions`, u32 (tokens),
 * must be below its number of rows.
 *
 * @throws {ShapeError} when the heads do not divide the window into even widths, or the table or the
 * positions do not fit them.
 */
export function rotary(
  tape: Tape,
  window: ColumnWindow,
  table: Tensor,
  positions: Tensor,
  heads: number,
): Tensor {
  const { tensor: { shape: [rows] }, width } = window, half = width / heads / 2;
  assertWindow("what is rotated", window, rows);
  if (!Number.isInteger(half)) {
    throw new ShapeError(
      `rotating ${heads} heads needs an even width of each, found ${width} in all`,
    );
  }
  assertShape("the rotary table", table.shape, [table.shape[0], 2 * half]);
  assertShape("the positions", positions.shape, [rows]);
  const rotate = (from: ColumnWindow, to: ColumnWindow, direction: 1 | -1, accumulate: 0 | 1) =>
    tape.device.launch(rotaryKernel, { x: from.tensor, table, positions, y: to.tensor }, {
      ...{ rows, heads, half, direction, accumulate },
      xOffset: from.offset ?? 0,
      xStride: from.tensor.shape[1],
      yOffset: to.offset ?? 0,
      yStride: to.tensor.shape[1],
    });
  const out = tape.activation([rows, width], "rotated");
  rotate(window, { tensor: out, width }, 1, 0);
  return tape.record(out, [window.tensor], (dOut) => {
    const into = contributeColumns(tape, window);
    if (into) rotate({ tensor: dOut, width }, into.window, -1, into.accumulate);
  }, [table, positions]);
}
