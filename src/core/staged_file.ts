/** New content of a file in a temporary file beside it, until it is put in its place. @module */

import { disk, type NewFile, writeSome } from "./disk.ts";
import { writeReason } from "./file_errors.ts";
import { temporaryOf } from "./leftovers.ts";
import { assertWritable, splitPath } from "./storage.ts";

/** Pieces of a file that are made as they are written. */
type Pieces = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** What is written to a file: bytes, text, or pieces. */
export type FileContent =
  | Uint8Array
  | string
  | Iterable<Uint8Array>
  | AsyncIterable<Uint8Array>;

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

  private constructor(path: string, total: number | undefined, temporary: string) {
    this.path = path;
    this.#temporary = temporary;
    this.#total = total;
  }

  /**
   * Writes the content beside the file and waits until the disk has it.
   *
   * @param totalBytes The size of the whole if `content` comes in pieces; only errors mention it.
   * @param temporary Where it is until then.
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
