/** Files that are read as a whole, or written whole or not at all, and folders. @module */

import { folderReason, writeReason } from "./file_errors.ts";
import {
  assertWritable,
  blobOf,
  cannotRead,
  fileIn,
  fileName,
  type FileSource,
  isOnDisk,
} from "./storage.ts";

/** What {@link writeFileAtomic} takes: bytes, text, or pieces that are made as they are written. */
export type FileContent = Uint8Array | string | Iterable<Uint8Array>;

/** How far a write has come, for the error message. */
interface Progress {
  written: number;
  total?: number;
}

/**
 * Reads a file.
 *
 * @throws {Error} when the file cannot be read.
 */
export async function readBytes(file: FileSource): Promise<Uint8Array<ArrayBuffer>> {
  if (!isOnDisk(file)) return new Uint8Array(await (await blobOf(file)).arrayBuffer());
  return await Deno.readFile(file).catch((error) => Promise.reject(cannotRead(file, error)));
}

/**
 * Reads a text file.
 *
 * @throws {Error} when the file cannot be read.
 */
export async function readText(file: FileSource): Promise<string> {
  if (!isOnDisk(file)) return await (await blobOf(file)).text();
  return await Deno.readTextFile(file).catch((error) => Promise.reject(cannotRead(file, error)));
}

/**
 * Reads a JSON file.
 *
 * @throws {SyntaxError} when the file is not JSON.
 * @throws {Error} when the file cannot be read.
 */
export async function readJson(file: FileSource): Promise<unknown> {
  const text = await readText(file);
  try {
    return JSON.parse(text);
  } catch (error) {
    const { message } = error as Error;
    throw new SyntaxError(`cannot read ${fileName(file)}: it is not JSON (${message})`);
  }
}

/**
 * The names of a folder's entries on disk, in no particular order.
 *
 * @throws {Error} when the folder cannot be read.
 */
export async function listFolder(folder: string | URL): Promise<string[]> {
  try {
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
  await Deno.mkdir(folder, { recursive: true }).catch((error) => {
    throw new Error(`cannot make the folder ${folder}: ${folderReason(error)}`, { cause: error });
  });
}

/**
 * Copies the files of a folder to another one, which is made.
 *
 * @throws {Error} Where one cannot be read or the other written.
 */
export async function copyFiles(from: string, to: string): Promise<void> {
  await makeFolder(to);
  for (const name of await listFolder(from)) {
    await writeFileAtomic(fileIn(to, name), await readBytes(fileIn(from, name)));
  }
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
    await Deno.mkdir(folder, { recursive: true });
    await Deno.remove(await Deno.makeTempFile({ dir: folder, suffix: ".tmp" }));
  } catch (error) {
    throw new Error(`cannot write to the folder ${folder}: ${folderReason(error)}`, {
      cause: error,
    });
  }
}

/**
 * Makes a folder that one process at a time works in, until the claim is disposed or the process ends.
 * Where the system does not lock folders (Windows, some network drives), every claim is granted.
 *
 * @throws {Error} when another process works in it, or it cannot be made.
 */
export async function claimFolder(folder: string): Promise<Disposable> {
  await makeFolder(folder);
  const handle = await Deno.open(folder).catch(() => undefined);
  if (handle && !await handle.tryLock(true).catch(() => true)) {
    handle.close();
    throw new Error(`cannot use the folder ${folder}: another process is working in it`);
  }
  return { [Symbol.dispose]: () => handle?.close() };
}

/** Removes a folder with everything in it, if it is there and can be removed. */
export async function removeFolder(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch(() => {});
}

/** Removes a file or an empty folder, if it is there and can be removed. */
export async function removeFile(path: string): Promise<void> {
  await Deno.remove(path).catch(() => {});
}

/**
 * Gives a file another name, in place of a file that may have it: a crash leaves it under one of them.
 *
 * @throws {Error} when it cannot be renamed; it is where it was.
 */
export async function moveFile(from: string, to: string): Promise<void> {
  await Deno.rename(from, to).catch((error) => {
    throw new Error(`cannot write ${to}: ${writeReason(error)}`, { cause: error });
  });
}

/** The canonical path of a file or folder; a path that leads nowhere stays as it is. */
export async function realPath(path: string): Promise<string> {
  return await Deno.realPath(path).catch(() => path);
}

/** Whether two paths lead to the same place; a path that leads nowhere is compared as text. */
export async function isSamePlace(one: string, other: string): Promise<boolean> {
  return await realPath(one) === await realPath(other);
}

/**
 * Writes a file through a temporary one in the same folder (write, flush, rename), so that a reader, or
 * a crash, finds the old bytes or the new ones, never a mix.
 *
 * @param totalBytes The size of the whole if `content` comes in pieces; only errors mention it.
 * @throws {Error} when the disk is full or the folder missing or not writable; the old file is as
 * before and no temporary file is left. What `content` throws while it is iterated passes through.
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
  assertWritable(path);
  const pieces = piecesOf(content);
  const total = Array.isArray(pieces) ? pieces[0].length : totalBytes;
  const progress: Progress = { written: 0, total };
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  const file = await explain(
    path,
    progress,
    Deno.open(temporary, { write: true, createNew: true }),
  );
  try {
    await writePieces(file, path, pieces, progress);
    await explain(path, progress, Deno.rename(temporary, path));
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
}

/**
 * Writes a value as JSON with an indent of two spaces and a final line break, whole or not at all.
 *
 * @throws {Error} As {@link writeFileAtomic}.
 */
export async function writeJsonAtomic(path: string, value: unknown): Promise<void> {
  await writeFileAtomic(path, JSON.stringify(value, null, 2) + "\n");
}

function piecesOf(content: FileContent): Iterable<Uint8Array> {
  if (typeof content === "string") return [new TextEncoder().encode(content)];
  return content instanceof Uint8Array ? [content] : content;
}

async function writePieces(
  file: Deno.FsFile,
  path: string,
  pieces: Iterable<Uint8Array>,
  progress: Progress,
): Promise<void> {
  using _ = file;
  for (const piece of pieces) {
    for (let offset = 0; offset < piece.length;) {
      const count = await explain(path, progress, file.write(piece.subarray(offset)));
      offset += count;
      progress.written += count;
    }
  }
  await explain(path, progress, file.sync());
}

/** Waits for one step of a write and turns its failure into a sentence. */
async function explain<T>(path: string, progress: Progress, step: Promise<T>): Promise<T> {
  try {
    return await step;
  } catch (error) {
    const reason = writeReason(error);
    const total = progress.total ?? "unknown";
    const count = `wrote ${progress.written} of ${total} bytes`;
    throw new Error(
      `cannot write ${path}: ${reason} (${count}); an older file there is unchanged`,
      {
        cause: error,
      },
    );
  }
}
