/** A block of rows of a matrix. @module */

import { scaleAdd } from "../../../kernels/elementwise/kernel.ts";
import type { RowRange } from "../../core/row_range.ts";
import type { Tensor } from "../../device/device.ts";
import { zero } from "../../device/zero.ts";
import type { Tape } from "../tape.ts";

/** What devices want bindings to begin at multiples of, in bytes. */
const alignment = 256;

/**
 * Rows `start` to `start + count` of x (rows, width): x itself, a view of it where that may be bound, or a copy. The gradient
 * is added to that of these rows.
 *
 * @throws {ShapeError} when x has fewer rows.
 */
export function rowBlock(tape: Tape, x: Tensor, { start, count }: RowRange): Tensor {
  if (start === 0 && count === x.shape[0]) return x;
  const [, width] = x.shape, offset = start * width, size = count * width;
  const view = x.view([count, width], offset);
  const block = view.byteOffset % alignment === 0 ? view : tape.activation(view.shape, x.label);
  if (block !== view) copy(x, block, { size, xOffset: offset, yOffset: 0, accumulate: 0 });
  return tape.record(block, [x], (dBlock) => {
    const { tensor, accumulate } = tape.contribute(x)!;
    if (!accumulate) zero(tensor);
    copy(dBlock, tensor, { size, xOffset: 0, yOffset: offset, accumulate: 1 });
  }, []);
}

interface CopyScalars {
  readonly size: number;
  readonly xOffset: number;
  readonly yOffset: number;
  readonly accumulate: 0 | 1;
}

function copy(x: Tensor, y: Tensor, scalars: CopyScalars): void {
  x.device.launch(scaleAdd, { x, y }, { ...scalars, alpha: 1 });
}
