/** The file of batches that `train` reads. @module */

import { sha256 } from "../core/digest.ts";
import { readBytes } from "../core/files.ts";
import { isRecord, parseJsonOf, parseUniqueJson } from "../core/json.ts";
import { mostJsonBytes } from "../core/limits.ts";
import type { Batch } from "../train/mod.ts";
import { parseCase } from "./cases.ts";
import { assertInputs, type InputLimits } from "./limits.ts";
import { type LabelLimits, targetsOf } from "./targets.ts";

/** The batches of a file, and which file it was. */
export interface BatchFile {
  /** Its batches. */
  readonly batches: readonly Batch[];
  /** SHA-256 of the very bytes that they were parsed from. */
  readonly digest: string;
}

/**
 * Reads `{"batches": [...]}`. A batch is a list of equally long lists of token ids, which are a causal
 * model's labels too, or an object like a case of `logits` plus `labels`.
 *
 * All batches are checked against the model's configuration first: a bad one late in the file would
 * otherwise end a run that has already trained.
 *
 * @throws {SyntaxError} when the file does not have that form.
 * @throws {RangeError} when a batch does not fit the model.
 */
export async function readBatchFile(
  path: string,
  limits: InputLimits & LabelLimits,
): Promise<BatchFile> {
  const bytes = await readBytes(path, mostJsonBytes), content = contentOf(path, bytes);
  const list = isRecord(content) ? content.batches : undefined;
  if (!Array.isArray(list) || list.length === 0) {
    throw new SyntaxError(`${path} must be like ${batchExample}, found no batches`);
  }
  const batches = list.map((batch, index) => parseBatch(`batch ${index}`, batch, limits));
  return { batches, digest: await sha256(bytes) };
}

/** Two batches of one row each. */
export const batchExample = '{"batches": [[[5, 6, 7]], [[8, 9]]]}';

function contentOf(path: string, bytes: Uint8Array): unknown {
  try {
    return parseJsonOf(path, bytes, parseUniqueJson);
  } catch (error) {
    const rule = `token ids must be like ${batchExample}, and texts come with --data`;
    throw new SyntaxError(`${(error as Error).message}; ${rule}`, { cause: error });
  }
}

function parseBatch(what: string, batch: unknown, limits: InputLimits & LabelLimits): Batch {
  const isOwn = Array.isArray(batch) && limits.labelKind === "next";
  const ids = isOwn ? { input_ids: batch, labels: batch } : { input_ids: batch };
  const { inputs, labels } = parseCase(what, Array.isArray(batch) ? ids : batch);
  if (!labels) throw new SyntaxError(`${what} must have labels as well as input_ids`);
  assertInputs(what, inputs, limits);
  return { inputs, targets: targetsOf(what, { inputs, labels }, limits) };
}
