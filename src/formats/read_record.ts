/** An adapter folder as a record that can be written again. @module */

import { readJson } from "../core/files.ts";
import { fileIn, type Folder } from "../core/storage.ts";
import type { AdapterRecord, TrainedUpdate } from "./adapter_record.ts";
import { readAdapterLabels } from "./adapter_weights.ts";
import { takeExtras } from "./peft_extras.ts";
import type { PeftAdapter, ReadAdapterOptions } from "./peft_adapter.ts";
import { streamAdapter } from "./read_adapter.ts";

/** A record, and what was let pass when it was read. */
export type ReadRecord =
  & AdapterRecord
  & Pick<PeftAdapter, "passed" | "updates" | "biases" | "rows">;

/**
 * Reads all that an adapter folder holds.
 *
 * @throws {AdapterFileError} As `readAdapter`.
 */
export async function readRecord(
  folder: Folder,
  options: Pick<ReadAdapterOptions, "allow"> = {},
): Promise<ReadRecord> {
  const updates: TrainedUpdate[] = [];
  const rest = await eachOfRecord(folder, options, (update) => void updates.push(update));
  return { ...rest, updates };
}

/**
 * The same with one update after the other in memory.
 *
 * @throws {AdapterFileError} As `readAdapter`.
 */
export async function eachOfRecord(
  folder: Folder,
  { allow }: Pick<ReadAdapterOptions, "allow">,
  take: (update: TrainedUpdate) => void | Promise<void>,
): Promise<Omit<ReadRecord, "updates">> {
  await using stream = streamAdapter(folder, { withSaved: true, allow });
  let next = await stream.next();
  for (; !next.done; next = await stream.next()) await take(next.value);
  const { config, leftOut: _, ...read } = next.value;
  const { baseModelName, taskType = null, fanInFanOut, dropout } = config;
  return { ...read, baseModelName, taskType, fanInFanOut, dropout, ...await recordedNames(folder) };
}

/** The names of fully trained modules, and of a classifier's labels where they have any. */
export async function recordedNames(
  folder: Folder,
): Promise<Pick<AdapterRecord, "savedModules" | "labels">> {
  const json = await readJson(fileIn(folder, "adapter_config.json"));
  const { saved } = takeExtras(json).extras, labels = await readAdapterLabels(folder);
  const isNamed = labels?.some((label, index) => label !== String(index));
  return { ...(saved.length > 0 && { savedModules: saved }), ...(isNamed && { labels }) };
}
