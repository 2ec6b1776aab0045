/** Which adapters a model's weights contain, in their metadata. @module */

import { sha256 } from "../core/digest.ts";
import { readBytes } from "../core/files.ts";
import { mostTensorBytes } from "../core/limits.ts";
import { fileIn, type Folder, folderName } from "../core/storage.ts";
import { weightsFileIn } from "./adapter_weights.ts";

/** The key in `__metadata__`; other programs pass over it. */
const KEY = "lowrank.merged";

/** Metadata with a line for each adapter; empty if there is none. */
export function mergedMetadata(files: readonly string[]): Record<string, string> {
  return files.length > 0 ? { [KEY]: files.join("\n") } : {};
}

/** The lines of {@link mergedMetadata}. */
export function parseMerged(metadata: Readonly<Record<string, string>>): string[] {
  return Object.hasOwn(metadata, KEY) ? metadata[KEY].split("\n") : [];
}

/**
 * A line for the adapter in a folder: the end of its path is enough, with the digest of its weights.
 *
 * @throws {Error} when they cannot be read.
 */
export async function adapterFile(folder: Folder): Promise<string> {
  const name = folderName(folder).split(/[\\/]/).filter((part) => part !== "").slice(-2).join("/");
  const file = fileIn(folder, await weightsFileIn(folder));
  const weights = await readBytes(file, mostTensorBytes);
  return `${name} sha256 ${await sha256(weights)}`;
}

/** Whether two lines are of the same weights, wherever they are. */
export const isSameFile = (one: string, other: string): boolean =>
  digestIn(one) === digestIn(other);

const digestIn = (line: string) => line.slice(line.lastIndexOf(" ") + 1);
