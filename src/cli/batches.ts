/** The file of batches that `train` reads. @module */

import { readJson } from "../core/files.ts";
import type { Batch } from "../train/mod.ts";
import { isFields, parseCase, shiftLabels } from "./cases.ts";
import { assertInputs, assertLabels, type InputLimits } from "./limits.ts";

/**
 * Reads `{"batches": [...]}`. A batch is a list of equally long lists of token ids, each its own labels,
 * or an object as a case of `logits` with `labels`.
 *
 * All of them are checked against the model's configuration: a wrong one late in the file would end a run.
 *
 * @throws {SyntaxError} when the file is not of that form.
 * @throws {RangeError} when a batch does not suit the model.
 */
export async function readBatchFile(path: string, limits: InputLimits): Promise<Batch[]> {
  const content = await readJson(path);
  const list = isFields(content) ? content.batches : undefined;
  if (!Array.isArray(list) || list.length === 0) {
    throw new SyntaxError(`${path} must be {"batches": [[[id, …], …], …]}, found no batches`);
  }
  return list.map((batch, index) => parseBatch(`batch ${index}`, batch, limits));
}

function parseBatch(what: string, batch: unknown, limits: InputLimits): Batch {
  const fields = Array.isArray(batch) ? { input_ids: batch, labels: batch } : batch;
  const { inputs, labels } = parseCase(what, fields);
  if (!labels) throw new SyntaxError(`${what} must have labels beside its input_ids`);
  assertInputs(what, inputs, limits);
  assertLabels(what, labels, limits);
  return { inputs, targets: shiftLabels(labels) };
}
