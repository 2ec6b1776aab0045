/** Looking up rows of a table, however it is stored. @module */

import {
  embeddingForward,
  embeddingForwardBf16,
  embeddingForwardF16,
} from "../../../kernels/embedding/kernel.ts";
import type { Tensor } from "../../device/device.ts";
import { rowPiecesOf } from "../../device/spans.ts";

/** The kernel for each storage of the table. */
const kernels = {
  f32: embeddingForward,
  f16: embeddingForwardF16,
  bf16: embeddingForwardBf16,
} as const;

/** out[i, :] = table[ids[i], :]; a large table is bound piece by piece. */
export function lookUpRows(table: Tensor, ids: Tensor, out: Tensor): void {
  const width = table.shape[1], count = ids.size;
  const kernel = kernels[table.type as keyof typeof kernels];
  for (const { start: first, count: rows } of rowPiecesOf(table)) {
    const piece = table.view([rows, width], first * width), scalars = { count, width, first, rows };
    table.device.launch(kernel, { table: piece, ids, out }, scalars);
  }
}
