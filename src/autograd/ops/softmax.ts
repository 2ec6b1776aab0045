/** Softmax of attention's scores. @module */

import { softmaxBackward, softmaxForward } from "../../../kernels/softmax/kernel.ts";
import { ShapeError } from "../../core/errors.ts";
import { assertShape, formatShape } from "../../core/shape.ts";
import type { Tensor } from "../../device/device.ts";
import type { Tape } from "../tape.ts";

/** What the rows of scores are. */
export interface SoftmaxOptions {
  /** Number of sequences. */
  readonly batch: number;
  /** Number of heads, side by side in the columns. */
  readonly heads: number;
  /** u32 (batch, keys): 0 hides a key. */
  readonly mask?: Tensor;
}

/**
 * p_j = e^(x_j) / Σ_i e^(x_i) over the keys that the mask shows, and 0 for the others, in every head of scores
 * (batch · queries, heads · keys). The gradient is p_j (dp_j - Σ_i p_i dp_i).
 *
 * @throws {ShapeError} when sequences, heads or the mask do not fit the scores.
 */
export function softmax(
  tape: Tape,
  x: Tensor,
  { batch, heads, mask }: SoftmaxOptions,
): Tensor {
  const [queries, columns] = x.shape, keys = columns / heads, rows = queries * heads;
  if (x.shape.length !== 2 || !Number.isInteger(keys) || queries % batch !== 0) {
    throw new ShapeError(
      `a softmax needs scores of ${batch} sequences and ${heads} heads, found ${
        formatShape(x.shape)
      }`,
    );
  }
  if (mask) assertShape("the attention mask", mask.shape, [batch, keys]);
  const p = tape.activation(x.shape, "softmax");
  const scalars = { batch, rows: rows / batch, keys, hasMask: mask ? 1 : 0 };
  tape.device.launch(softmaxForward, { x, mask: mask ?? x, p }, scalars);
  return tape.record(p, [x], (dp) => {
    const { tensor: dx, accumulate } = tape.contribute(x)!;
    tape.device.launch(softmaxBackward, { p, dp, dx }, { rows, keys, accumulate });
  }, [p]);
}
