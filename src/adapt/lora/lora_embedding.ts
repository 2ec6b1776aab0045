/** LoRA on an embedding. @module */

import { addColumns } from "../../autograd/ops/add_columns.ts";
import { embedding } from "../../autograd/ops/embedding.ts";
import { linear } from "../../autograd/ops/linear.ts";
import { matrix, multiply } from "../../autograd/ops/product.ts";
import { scale } from "../../autograd/ops/scale.ts";
import type { Tape } from "../../autograd/tape.ts";
import type { Tensor } from "../../device/device.ts";
import type { Ids } from "../../nn/embedding.ts";
import { LoraSite } from "./lora_site.ts";

/**
 * y = E[id, :] + scaling · A[id, :] Bᵀ with A (tokens, rank), which PEFT's files hold turned, and B
 * (width, rank). Only the rows of the batch's tokens are computed. As in PEFT there is no dropout: the input is
 * a number, not a vector.
 *
 * A padding token's row is trained as any other; PyTorch gives the one that a model names no gradient.
 *
 * A head that shares the table does not change with it; see {@link LoraSite.weightChanges}.
 */
export class LoraEmbedding extends LoraSite {
  /** None: nothing is multiplied that it could be fused with. */
  override get lowRank(): undefined {
    return undefined;
  }

  /** y + scaling · A[ids, :] Bᵀ. */
  override forward(tape: Tape, ids: Ids, y: Tensor): Tensor {
    const update = tape.pipe(
      embedding(tape, this.A, ids),
      (rows) => scale(tape, rows, this.scaling),
      (rows) => linear(tape, rows, this.B),
    );
    const sum = addColumns(tape, y, update, this.rows);
    tape.release(update);
    return sum;
  }

  /** E += sign · scaling · A Bᵀ. */
  override mergeInto(E: Tensor, sign: 1 | -1 = 1): void {
    const [tokens, width] = E.shape, extents = { m: tokens, n: width, k: this.rank };
    const options = { ...extents, transposeB: true, alpha: sign * this.scaling } as const;
    multiply(matrix(this.A.tensor), matrix(this.B.tensor), matrix(E), {
      ...options,
      accumulate: 1,
    });
  }
}
