/** Files that are written whole or not at all. @module */

import { type FileContent, removeLeftovers, StagedFile } from "./staged_file.ts";
import { splitPath } from "./storage.ts";

/**
 * Writes a file through a temporary one in the same folder (write, flush, rename, flush the folder), so
 * that a reader, or a crash, finds the old bytes or the new ones, never a mix. What a killed process
 * left of the same file is removed.
 *
 * The file keeps its permission bits. A link is replaced by a file, and what it leads to stays as it
 * is: in the cache of Hugging Face, several models share that.
 *
 * @param totalBytes The size of the whole if `content` comes in pieces; only errors mention it.
 * @throws {Error} when the disk is full, the folder missing or not writable, or the path leads to a
 * device; the old file is as before and no temporary file is left, unless the message says that the new
 * file is in place. What `content` throws while it is iterated passes through.
 *
 * @example
 * ```ts
 * const folder = await Deno.makeTempDir();
 * await writeFileAtomic(`${folder}/note.txt`, "whole or not at all\n");
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function writeFileAtomic(
  path: string,
  content: FileContent,
  totalBytes?: number,
): Promise<void> {
  const { folder, name } = splitPath(path);
  await removeLeftovers(folder, `${name}.`);
  await using staged = await StagedFile.write(path, content, totalBytes);
  await staged.replace();
}

/**
 * Writes a value as JSON with an indent of two spaces and a final line break, whole or not at all.
 *
 * @throws {Error} As {@link writeFileAtomic}.
 */
export async function writeJsonAtomic(path: string, value: unknown): Promise<void> {
  await writeFileAtomic(path, jsonText(value));
}

/** JSON with an indent of two spaces and a final line break. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, null, 2) + "\n";
}
