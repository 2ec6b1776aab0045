/** One of the parts that a fused projection has side by side in each head. @module */

import { ShapeError } from "../../core/errors.ts";
import { assertShape, formatShape } from "../../core/shape.ts";
import type { Tensor } from "../../device/device.ts";
import { zero } from "../../device/zero.ts";
import type { Parameter } from "../parameter.ts";
import type { Tape } from "../tape.ts";
import { type ColumnWindow, copyColumns } from "./columns.ts";
import { biasGradient } from "./linear.ts";
import { matrix, multiply } from "./product.ts";

/** Which part. */
export interface HeadPartOptions {
  /** Number of heads. */
  readonly heads: number;
  /** Number of parts of each head, of equal widths. */
  readonly parts: number;
  /** Which of them, from 0. */
  readonly part: number;
  /** Is added to it, (heads · width of a part), if there is one. */
  readonly bias?: Parameter;
}

/**
 * The columns of one part of every head, (tokens, heads · d), of x with columns [q | k | v] of d each for one
 * head after the other, as DeBERTa's `in_proj` returns; plus a bias.
 *
 * @throws {ShapeError} when x has no such columns, or the bias does not fit.
 */
export function headPart(
  tape: Tape,
  x: Tensor,
  { heads, parts, part, bias }: HeadPartOptions,
): Tensor {
  const [tokens, columns] = x.shape, width = columns / heads / parts;
  if (x.shape.length !== 2 || !Number.isInteger(width)) {
    throw new ShapeError(
      `parts of heads need columns of ${heads} heads of ${parts}, found ${formatShape(x.shape)}`,
    );
  }
  const y = tape.activation([tokens, heads * width], "part of heads");
  if (bias) {
    assertShape(bias.name, bias.shape, [heads * width]);
    // A product without terms is its bias.
    const extents = { m: tokens, n: heads * width, k: 0, bias: bias.tensor };
    multiply(matrix(x), matrix(x), matrix(y), extents);
  }
  const windowOf = (of: Tensor, from: number): ColumnWindow => ({
    tensor: of.view([tokens * heads, of.size / tokens / heads]),
    offset: from * width,
    width,
  });
  copyColumns(windowOf(x, part), windowOf(y, 0), { accumulate: bias ? 1 : 0 });
  return tape.record(y, [x, ...(bias ? [bias] : [])], (dy) => {
    if (bias) biasGradient(tape, bias, dy);
    const into = tape.contribute(x);
    if (!into) return;
    if (!into.accumulate) zero(into.tensor);
    copyColumns(windowOf(dy, 0), windowOf(into.tensor, part), { accumulate: 1 });
  }, []);
}
