/** New content of a file in a temporary file beside it, until it is put in its place. @module */

import { disk, type NewFile } from "./disk.ts";
import { writeReason } from "./file_errors.ts";
import { assertWritable, fileIn, splitPath } from "./storage.ts";

/** What is written to a file: bytes, text, or pieces that are made as they are written. */
export type FileContent = Uint8Array | string | Iterable<Uint8Array>;

/** What a reader finds when the disk takes a new file but not its name. */
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

  private constructor(path: string, total?: number) {
    this.path = path;
    this.#temporary = temporaryOf(path);
    this.#total = total;
  }

  /**
   * Writes the content beside the file and waits until the disk has it.
   *
   * @param totalBytes The size of the whole if `content` comes in pieces; only errors mention it.
   * @throws {Error} when it cannot be written; no temporary file is left.
   */
  static async write(
    path: string,
    content: FileContent,
    totalBytes?: number,
  ): Promise<StagedFile> {
    assertWritable(path);
    const pieces = piecesOf(content);
    const staged = new StagedFile(path, Array.isArray(pieces) ? pieces[0].length : totalBytes);
    try {
      await staged.#writeAll(pieces, await modeOf(path));
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

  /** Undoes {@link StagedFile.place}. */
  async takeBack(): Promise<void> {
    await disk.rename(this.path, this.#temporary);
    this.#isStaged = true;
  }

  /** Closes and removes the temporary file. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#file?.[Symbol.dispose]();
    if (this.#isStaged) await disk.remove(this.#temporary).catch(() => {});
  }

  async #writeAll(pieces: Iterable<Uint8Array>, mode?: number): Promise<void> {
    // With the old mode from the start: nobody may read more of the new bytes than of the old ones.
    const file = await this.#try(() => disk.create(this.#temporary, mode));
    this.#file = file;
    this.#isStaged = true;
    if (mode !== undefined) await this.#try(() => disk.setMode(this.#temporary, mode));
    for (const piece of pieces) {
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

/** Some disks take nothing, and do not say so. */
async function writeSome(file: NewFile, bytes: Uint8Array): Promise<number> {
  const count = await file.write(bytes);
  if (count > 0) return count;
  throw new Error("the disk takes no more bytes");
}

const UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";

/** The names of our temporary files, and of no others. */
const TEMPORARY = new RegExp(`^(.+\\.)?${UUID}\\.tmp$`);

/** A path for a temporary file beside another. */
export function temporaryOf(path: string): string {
  return `${path}.${crypto.randomUUID()}.tmp`;
}

/**
 * Removes the temporary files in a folder that killed processes have left, as far as that is possible.
 *
 * @param prefix How their names begin.
 */
export async function removeLeftovers(folder: string, prefix = ""): Promise<void> {
  const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name).catch(() => []);
  const ours = names.filter((name) => name.startsWith(prefix) && TEMPORARY.test(name));
  for (const path of ours.map((name) => fileIn(folder, name))) {
    if (!await isBeingWritten(path)) await disk.remove(path).catch(() => {});
  }
}

/** Whether a process has the file locked; true if that cannot be known. */
async function isBeingWritten(path: string): Promise<boolean> {
  try {
    using file = await Deno.open(path);
    return !await file.tryLock(true);
  } catch {
    return true;
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

function piecesOf(content: FileContent): Iterable<Uint8Array> {
  if (typeof content === "string") return [new TextEncoder().encode(content)];
  return content instanceof Uint8Array ? [content] : content;
}
