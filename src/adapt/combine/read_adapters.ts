/** The adapters of a combination, read and checked. @module */

import { isSamePlace } from "../../core/files.ts";
import { modelName } from "../../core/model_name.ts";
import { quote } from "../../core/quote.ts";
import { assertAdapterFolder, assertNoOtherKind } from "../../formats/folder_kind.ts";
import type { AdapterException } from "../../formats/mod.ts";
import { type ReadRecord, readRecord } from "../../formats/read_record.ts";
import { assertLora } from "../update_method.ts";

/** An adapter of a combination. */
export interface WeightedFolder {
  /** A PEFT folder. */
  readonly folder: string;
  /** Its weight, of any sign. */
  readonly weight: number;
}

/** Its content too. */
export interface WeightedRecord extends WeightedFolder {
  /** All that its files hold. */
  readonly record: ReadRecord;
}

/** What is read, and where the result goes. */
export interface ReadingRequest {
  /** One or more. */
  readonly adapters: readonly WeightedFolder[];
  /** The PEFT folder to write. */
  readonly output: string;
  /** The folder of the base model, where it is needed, or where adapters call it differently. */
  readonly base?: string;
  /** What may pass in the adapters. Default: nothing. */
  readonly allow?: readonly AdapterException[];
}

/**
 * Reads adapters of LoRA over one base.
 *
 * @throws {AdapterFileError} when one cannot be read.
 * @throws {RangeError} when one is of another method, or of another base than the first, or the output is one of
 * them, or holds a model.
 */
export async function readAdapters(
  { adapters, output, base, allow }: ReadingRequest,
): Promise<WeightedRecord[]> {
  if (adapters.length === 0) throw new RangeError("combine needs at least one adapter, found none");
  for (const { folder } of adapters) {
    await assertAdapterFolder(folder);
    await assertLora("combine", folder);
    if (!await isSamePlace(folder, output)) continue;
    throw new RangeError(`the output must not be one of the adapters, found ${output}`);
  }
  await assertNoOtherKind(output, "adapter");
  const read: WeightedRecord[] = [];
  for (const each of adapters) {
    read.push({ ...each, record: await readRecord(each.folder, { allow }) });
  }
  if (base === undefined) assertOneBase(read);
  return read;
}

/** Models of one size differ in their weights alone, so shapes do not tell. */
function assertOneBase(adapters: readonly WeightedRecord[]): void {
  const [first, ...others] = adapters.filter(({ record }) => record.baseModelName);
  const nameIn = ({ record }: WeightedRecord) => modelName(record.baseModelName!);
  const other = others.find((each) => nameIn(each) !== nameIn(first));
  if (other === undefined) return;
  const [one, two] = [first, other].map(({ folder, record }) =>
    `${quote(record.baseModelName)} in ${folder}`
  );
  throw new RangeError(
    `combine needs adapters of one base, found ${one} and ${two}: give --base if they are the same model`,
  );
}
