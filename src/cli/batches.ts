/** The file of batches that `train` reads. @module */

import { readJson } from "../core/files.ts";
import type { Batch } from "../train/mod.ts";
import { isFields, parseCase, shiftLabels } from "./cases.ts";

/**
 * Reads `{"batches": [...]}`. A batch is a list of equally long lists of token ids, each its own labels,
 * or an object as a case of `logits` with `labels`.
 *
 * @throws {SyntaxError} when the file is not of that form.
 */
export async function readBatchFile(path: string): Promise<Batch[]> {
  const content = await readJson(path);
  const list = isFields(content) ? content.batches : undefined;
  if (!Array.isArray(list) || list.length === 0) {
    throw new SyntaxError(`${path} must be {"batches": [[[id, …], …], …]}, found no batches`);
  }
  return list.map((batch, index) => parseBatch(`batch ${index}`, batch));
}

function parseBatch(what: string, batch: unknown): Batch {
  const fields = Array.isArray(batch) ? { input_ids: batch, labels: batch } : batch;
  const { tokens, labels, ...rest } = parseCase(what, fields);
  if (!labels) throw new SyntaxError(`${what} must have labels beside its input_ids`);
  return { inputs: tokens, targets: shiftLabels(labels), ...rest };
}
