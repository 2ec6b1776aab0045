/** Files that are read as a whole, or written whole or not at all, and folders. @module */

import { disk } from "./disk.ts";
import { folderReason, writeReason } from "./file_errors.ts";
import { isHubName } from "./hub/name.ts";
import { decodeText, parseJson, parseJsonOf } from "./json.ts";
import { removeLeftovers, temporaryOf } from "./leftovers.ts";
import { mostFileBytes, mostJsonBytes } from "./limits.ts";
import { type FileContent, StagedFile } from "./staged_file.ts";
import {
  assertWritable,
  blobBytes,
  blobOf,
  cannotRead,
  fileName,
  type FileSource,
  isOnDisk,
  pathIn,
  readToEnd,
  splitPath,
} from "./storage.ts";

/**
 * Reads a file.
 *
 * @param most Bytes that it may have.
 * @throws {Error} when the file cannot be read or has more bytes.
 */
export async function readBytes(
  file: FileSource,
  most: number = mostFileBytes,
): Promise<Uint8Array<ArrayBuffer>> {
  const reading = isOnDisk(file) ? readToEnd(file, most) : blobBytes(await blobOf(file), most);
  return await reading.catch((error) => Promise.reject(cannotRead(file, error)));
}

/**
 * Reads a text file of up to 256 MiB.
 *
 * @throws {SyntaxError} when it is not UTF-8.
 * @throws {Error} when the file cannot be read or is larger.
 */
export async function readText(file: FileSource): Promise<string> {
  const bytes = await readBytes(file, mostJsonBytes);
  try {
    return decodeText(bytes);
  } catch (error) {
    throw new SyntaxError(`cannot read ${fileName(file)}: ${(error as Error).message}`);
  }
}

/**
 * Reads a JSON file of up to 256 MiB.
 *
 * @throws {SyntaxError} when it is not JSON, or is nested more than 512 deep.
 * @throws {Error} when the file cannot be read or is larger.
 */
export async function readJson(
  file: FileSource,
  parse: typeof parseJson = parseJson,
): Promise<unknown> {
  return parseJsonOf(fileName(file), await readBytes(file, mostJsonBytes), parse);
}

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
  await removeLeftovers(folder, name);
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

/**
 * The names of a folder's entries, on disk or on the hub, in no particular order.
 *
 * @throws {Error} when the folder cannot be read.
 */
export async function listFolder(folder: string | URL): Promise<string[]> {
  try {
    if (isHubName(folder)) return await (await import("./hub/repository.ts")).listHubFolder(folder);
    return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  } catch (error) {
    throw cannotRead(folder, error);
  }
}

/**
 * Makes a folder and its parents; an existing folder stays as it is.
 *
 * @throws {Error} when it cannot be made.
 */
export async function makeFolder(folder: string): Promise<void> {
  assertWritable(folder);
  await disk.makeFolder(folder).catch((error) => {
    throw new Error(`cannot make the folder ${folder}: ${folderReason(error)}`, { cause: error });
  });
}

/**
 * Makes a folder and checks that it can be written to, with a file that is removed again: a long run
 * should not fail at its end because of its folder.
 *
 * @throws {Error} when the folder cannot be made or written to.
 */
export async function prepareFolder(folder: string): Promise<void> {
  assertWritable(folder);
  try {
    await disk.makeFolder(folder);
    const probe = temporaryOf(pathIn(folder, "probe"), crypto.randomUUID());
    (await disk.create(probe))[Symbol.dispose]();
    await disk.remove(probe);
  } catch (error) {
    throw new Error(`cannot write to the folder ${folder}: ${folderReason(error)}`, {
      cause: error,
    });
  }
}

/** Removes a folder with everything in it, if it is there and can be removed. */
export async function removeFolder(path: string): Promise<void> {
  await disk.removeAll(path).catch(() => {});
}

/** Removes a file or an empty folder, if it is there and can be removed. */
export async function removeFile(path: string): Promise<void> {
  await disk.remove(path).catch(() => {});
}

/**
 * Gives a file another name in the same folder, in place of a file that may have it, and waits until the
 * disk has the name: a crash leaves it under one of them.
 *
 * @throws {Error} when it cannot be renamed.
 */
export async function moveFile(from: string, to: string): Promise<void> {
  try {
    await disk.rename(from, to);
    await disk.syncFolder(splitPath(to).folder);
  } catch (error) {
    throw new Error(`cannot write ${to}: ${writeReason(error)}`, { cause: error });
  }
}

/** The canonical path of a file or folder; a path that leads nowhere stays as it is. */
export async function realPath(path: string): Promise<string> {
  return await Deno.realPath(path).catch(() => path);
}

/** Whether two paths lead to the same place; a path that leads nowhere is compared as text. */
export async function isSamePlace(one: string, other: string): Promise<boolean> {
  return await realPath(one) === await realPath(other);
}
