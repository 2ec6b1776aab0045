/**
 * Files that are read as a whole, or written whole or not at all through temporary files beside
 * them; folders; and recovery of what a killed process left.
 *
 * @module
 */

import { decodeText, parseJson, parseJsonOf } from "../core/checks.ts";
import { mostFileBytes, mostJsonBytes } from "../core/limits.ts";
import { disk, folderReason, type NewFile, writeReason, writeSome } from "./disk.ts";
import { isHubName } from "./hub_name.ts";
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

// Whole files.

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

// Folders, and places of files.

/**
 * The names of a folder's entries, on disk or on the hub, in no particular order.
 *
 * @throws {Error} when the folder cannot be read.
 */
export async function listFolder(folder: string | URL): Promise<string[]> {
  try {
    if (isHubName(folder)) return await (await import("./hub_cache.ts")).listHubFolder(folder);
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

/** True if two paths lead to the same place; a path that leads nowhere is compared as text. */
export async function isSamePlace(one: string, other: string): Promise<boolean> {
  return await realPath(one) === await realPath(other);
}

// New content, in a temporary file until it is put in its place.

/** Pieces of a file that are made as they are written. */
type Pieces = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** Content of a file: bytes, text, or pieces. */
export type FileContent =
  | Uint8Array
  | string
  | Iterable<Uint8Array>
  | AsyncIterable<Uint8Array>;

/** Consequence of a disk that takes a new file but not its name. */
export const UNCERTAIN = "what is new is in place, but may be lost if the power fails";

/** A file's new content on the disk; disposing of it removes what is not in its place. */
export class StagedFile implements AsyncDisposable {
  /** The file that it is for. */
  readonly path: string;
  readonly #temporary: string;
  readonly #total: number | undefined;
  #file?: NewFile;
  #written = 0;
  #isStaged = false;

  private constructor(path: string, total: number | undefined, temporary: string) {
    this.path = path;
    this.#temporary = temporary;
    this.#total = total;
  }

  /**
   * Writes the content beside the file and waits until the disk has it.
   *
   * @param totalBytes The size of the whole if `content` comes in pieces; only errors mention it.
   * @param temporary Its path until then.
   * @throws {Error} when it cannot be written; no temporary file is left.
   */
  static async write(
    path: string,
    content: FileContent,
    totalBytes?: number,
    temporary: string = temporaryOf(path, crypto.randomUUID()),
  ): Promise<StagedFile> {
    assertWritable(path);
    const whole = typeof content === "string" ? new TextEncoder().encode(content) : content;
    const isWhole = whole instanceof Uint8Array;
    const staged = new StagedFile(path, isWhole ? whole.length : totalBytes, temporary);
    try {
      await staged.#writeAll(isWhole ? [whole] : whole, await modeOf(path));
    } catch (error) {
      await staged[Symbol.asyncDispose]();
      throw error;
    }
    return staged;
  }

  /**
   * Puts the content in the file's place and waits until the disk has the name.
   *
   * @throws {Error} when it cannot; the message says what a reader finds.
   */
  async replace(): Promise<void> {
    await this.#try(() => this.place());
    await disk.syncFolder(splitPath(this.path).folder).catch((error) => {
      const failure = `cannot write ${this.path}: ${writeReason(error)}`;
      throw new Error(`${failure}; ${UNCERTAIN}`, { cause: error });
    });
  }

  /** Puts the content in the file's place, as one of several steps. */
  async place(): Promise<void> {
    await disk.rename(this.#temporary, this.path);
    this.#isStaged = false;
  }

  /** Lets the temporary file stay: the next save needs it to take this one back. */
  keep(): void {
    this.#isStaged = false;
  }

  /** Closes and removes the temporary file. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#file?.[Symbol.dispose]();
    if (this.#isStaged) await disk.remove(this.#temporary).catch(() => {});
  }

  async #writeAll(pieces: Pieces, mode?: number): Promise<void> {
    // With the old mode from the start: nobody may read more of the new bytes than of the old ones.
    const file = await this.#try(() => disk.create(this.#temporary, mode));
    this.#file = file;
    this.#isStaged = true;
    if (mode !== undefined) await this.#try(() => disk.setMode(this.#temporary, mode));
    for await (const piece of pieces) {
      for (let rest = piece; rest.length > 0;) {
        const count = await this.#try(() => writeSome(file, rest));
        this.#written += count;
        rest = rest.subarray(count);
      }
    }
    await this.#try(() => file.sync());
  }

  /** Makes one step and turns its failure into a sentence. */
  async #try<T>(step: () => Promise<T>): Promise<T> {
    return await step().catch((error) => {
      const count = `wrote ${this.#written} of ${this.#total ?? "unknown"} bytes`;
      const message = `cannot write ${this.path}: ${writeReason(error)} (${count})`;
      throw new Error(`${message}; an older file there is unchanged`, { cause: error });
    });
  }
}

/**
 * The permission bits of a file that is to be replaced; `undefined` if there is none.
 *
 * @throws {Error} when the path is a folder's, or leads to a device: a file in its place would break the
 * system.
 */
async function modeOf(path: string): Promise<number | undefined> {
  const old = await Deno.lstat(path).catch(() => undefined);
  if (old?.isDirectory) throw new Error(`cannot write ${path}: it is a folder`);
  const target = old && await Deno.stat(path).catch(() => undefined);
  if (target && !target.isFile && !target.isDirectory) {
    throw new Error(`cannot write ${path}: it is a device or a pipe, not a file`);
  }
  return old?.isFile && old.mode !== null ? old.mode & 0o777 : undefined;
}

// Temporary files, and what killed processes have left.

const UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";

/** The names of our temporary files, and of no others. */
const TEMPORARY = new RegExp(`^(.+)\\.(${UUID})(?:\\.(last|old|none))?\\.tmp$`);

type Kind = "new" | "last" | "old" | "none";

/** A temporary file. */
interface Temporary {
  /** Its path. */
  readonly path: string;
  /** The name of the file that it is for. */
  readonly name: string;
  readonly id: string;
  readonly kind: Kind;
}

/** A path for a temporary file beside another. */
export function temporaryOf(path: string, id: string, kind: Kind = "new"): string {
  return `${path}.${id}${kind === "new" ? "" : `.${kind}`}.tmp`;
}

/**
 * Removes the temporary files that killed processes have left of a file, or of any file of a
 * folder, as far as that is possible. What belongs to a save that is not complete stays:
 * {@link recoverFolder} needs it.
 */
export async function removeLeftovers(folder: string, name?: string): Promise<void> {
  for (const files of await savesIn(folder).catch(() => [])) {
    if (files.some(({ kind }) => kind === "last") && !files.every(isContent)) continue;
    const ours = files.filter((file) => name === undefined || file.name === name);
    using locks = await lockAll(ours);
    if (locks) await removeAll(ours);
  }
}

/**
 * Takes back the saves to a folder that killed processes have not completed, and removes what others have
 * left. The folder must be claimed.
 *
 * @throws {Error} when the disk fails; no old file is lost, and another call continues.
 */
export async function recoverFolder(folder: string): Promise<void> {
  for (const files of await savesIn(folder)) {
    using locks = await lockAll(files);
    if (!locks) continue;
    if (files.some(({ kind }) => kind === "last")) await takeBack(folder, files);
    await removeAll(files);
  }
}

/**
 * Puts back the old files of one save.
 *
 * @throws {Error} when the disk fails; no old file is lost.
 */
export async function takeBackSave(folder: string, id: string): Promise<void> {
  const files = (await savesIn(folder)).find(([file]) => file.id === id);
  if (files) await takeBack(folder, files);
}

/** Every step may be the last one before a crash; then all are taken again. */
async function takeBack(folder: string, files: readonly Temporary[]): Promise<void> {
  const ofKind = (wanted: Kind) => files.filter(({ kind }) => kind === wanted);
  const key = ofKind("last").at(0)?.name, old = Map.groupBy(ofKind("old"), (f) => f.name === key);
  const putBack = async ({ path, name }: Temporary) =>
    await disk.rename(path, pathIn(folder, name));
  for (const file of old.get(false) ?? []) await putBack(file);
  for (const { name } of ofKind("none")) await removeIfThere(pathIn(folder, name));
  await disk.syncFolder(folder);
  // A mark that stayed would remove the file of a later save.
  for (const { path } of ofKind("none")) await disk.remove(path);
  for (const file of old.get(true) ?? []) await putBack(file);
  await disk.syncFolder(folder);
}

/** A folder's temporary files, by save. */
async function savesIn(folder: string): Promise<Temporary[][]> {
  const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
  const files = names.flatMap((temporary): Temporary[] => {
    const [, name, id, kind = "new"] = TEMPORARY.exec(temporary) ?? [];
    return id ? [{ path: pathIn(folder, temporary), name, id, kind: kind as Kind }] : [];
  });
  return [...Map.groupBy(files, ({ id }) => id).values()];
}

const isContent = ({ kind }: Temporary): boolean => kind === "new" || kind === "last";

/** Locks new content, so that an owner who is about to lock it waits; undefined if one has. */
async function lockAll(files: readonly Temporary[]): Promise<Disposable | undefined> {
  using locks = new DisposableStack();
  for (const { path } of files.filter(isContent)) {
    const file = await Deno.open(path).catch(() => undefined);
    if (!file || !await locks.use(file).tryLock(true).catch(() => false)) return undefined;
  }
  return locks.move();
}

async function removeAll(files: readonly Temporary[]): Promise<void> {
  for (const { path } of files) await disk.remove(path).catch(() => {});
}

async function removeIfThere(path: string): Promise<void> {
  await disk.remove(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}
