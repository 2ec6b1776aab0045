/**
 * Folders of several files that are saved as a whole: the exclusive claim to a folder, saving into
 * it, and copies of its files in memory.
 *
 * @module
 */

import { disk, folderReason } from "./disk.ts";
import {
  type FileContent,
  listFolder,
  makeFolder,
  readBytes,
  recoverFolder,
  StagedFile,
  takeBackSave,
  temporaryOf,
  UNCERTAIN,
} from "./files.ts";
import { fileIn, hasFile, kindOf, pathIn } from "./storage.ts";

// The claim to a folder.

/** A folder that is claimed until this is disposed. */
export interface ClaimedFolder extends Disposable {
  /** True unless the folder has been removed or replaced since. */
  isThere(): Promise<boolean>;
}

/**
 * Makes a folder that one process at a time works in, until the claim is disposed or the process ends; a
 * second claim in the same process is refused too. Where the system does not lock folders (Windows, some
 * network drives), every claim is granted.
 *
 * @throws {Error} when another save or training has it, or it cannot be made.
 */
export async function claimFolder(folder: string): Promise<ClaimedFolder> {
  await makeFolder(folder);
  const handle = await Deno.open(folder).catch(() => undefined);
  if (handle && !await handle.tryLock(true).catch(() => true)) {
    handle.close();
    throw new Error(`cannot use the folder ${folder}: it is in use by another save or training`);
  }
  const isThere = async () => {
    const own = handle?.statSync(), found = await Deno.stat(folder).catch(() => undefined);
    return found !== undefined && (!own || own.dev === found.dev && own.ino === found.ino);
  };
  return { isThere, [Symbol.dispose]: () => handle?.close() };
}

/** The right to work in a folder, which one process at a time has: taken when it is needed, and once. */
export class FolderClaim implements Disposable {
  /** The claimed folder. */
  readonly folder: string;
  #claim?: ClaimedFolder;

  /** Claims nothing yet. */
  constructor(folder: string) {
    this.folder = folder;
  }

  /** True while the folder is claimed and still there. */
  async isHeld(): Promise<boolean> {
    return await this.#claim?.isThere() ?? false;
  }

  /**
   * Takes the claim, and makes the folder if there is none. Where the folder has been removed since, it is made
   * and claimed again.
   *
   * @throws {Error} when another process has it, or the folder cannot be made.
   */
  async take(): Promise<void> {
    if (await this.isHeld()) return;
    this[Symbol.dispose]();
    this.#claim = await claimFolder(this.folder);
  }

  /** Gives it back; the end of the process does too. */
  [Symbol.dispose](): void {
    this.#claim?.[Symbol.dispose]();
    this.#claim = undefined;
  }
}

// Saving.

/** A file of a folder that is saved as a whole. */
export interface FolderFile {
  /** Its name. */
  readonly name: string;
  /** Its new content. */
  readonly content: FileContent;
  /** The size of the whole if the content comes in pieces; only errors mention it. */
  readonly totalBytes?: number;
}

/**
 * Saves files that belong together, so that a reader, or a crash, finds all old ones, all new ones, or a
 * folder without the last of them, `files.at(-1)`, which must be the one without which no reader takes
 * the folder, such as `config.json`. The folder is made if it is missing; files of other names stay.
 *
 * All new files are written and flushed beside the old ones first: a full disk changes nothing. Then the
 * old files are set aside, from the last one to the first, and the new ones take their places, from the
 * first to the last. If only one file's bytes change, it is replaced in one step, and the folder is
 * readable at any time. A save that a killed process has not completed is taken back first.
 *
 * @param obsoleteIn Gives the names of old files that the new ones make obsolete.
 * @throws {Error} when another process, or another call, is saving to the folder, or a file cannot be
 * written; the older files are as before and no temporary file is left, unless the message says
 * otherwise.
 *
 * @example
 * ```ts
 * const folder = await Deno.makeTempDir();
 * await saveFolder(folder, [
 *   { name: "weights.bin", content: new Uint8Array(4) },
 *   { name: "config.json", content: "{}" },
 * ]);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function saveFolder(
  folder: string,
  files: readonly FolderFile[],
  obsoleteIn: (folder: string) => readonly string[] | Promise<readonly string[]> = () => [],
): Promise<void> {
  using _ = await claimFolder(folder);
  await recoverFolder(folder).catch((error) => cannotSave(folder, error, UNREADABLE));
  const changed = await filterAsync(files, (file) => isChanged(folder, file));
  const gone = await filterAsync(await obsoleteIn(folder), (name) => hasFile(folder, name));
  const replacesOne = changed.length <= 1 && gone.length === 0, id = crypto.randomUUID();
  await using stack = new AsyncDisposableStack();
  const staged: StagedFile[] = [];
  for (const file of replacesOne ? changed : files) {
    const kind = !replacesOne && file === files.at(-1) ? "last" : "new";
    const path = pathIn(folder, file.name), temporary = temporaryOf(path, id, kind);
    const { content, totalBytes } = file;
    staged.push(stack.use(await StagedFile.write(path, content, totalBytes, temporary)));
  }
  if (replacesOne) await staged[0]?.replace();
  else await new FolderSwap(folder, id, staged).run(gone);
}

/**
 * Saves copies of a folder's files to another one, the configuration last.
 *
 * @throws {Error} when one cannot be read, or as {@link saveFolder}.
 */
export async function copyFiles(from: string, to: string): Promise<void> {
  const isLast = (name: string) => Number(/config\.json$/.test(name));
  const names = (await listFolder(from)).sort((a, b) => isLast(a) - isLast(b));
  const contents = await Promise.all(names.map((name) => readBytes(fileIn(from, name))));
  await saveFolder(to, names.map((name, i) => ({ name, content: contents[i] })));
}

async function filterAsync<T>(
  items: readonly T[],
  keep: (item: T) => Promise<boolean>,
): Promise<T[]> {
  const kept = await Promise.all(items.map(keep));
  return items.filter((_, i) => kept[i]);
}

/** True if the folder's file of this name has other bytes; content in pieces counts as changed. */
async function isChanged(folder: string, { name, content }: FolderFile): Promise<boolean> {
  if (typeof content !== "string" && !(content instanceof Uint8Array)) return true;
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const old = await readBytes(fileIn(folder, name)).catch(() => undefined);
  return old?.length !== bytes.length || old.some((byte, i) => byte !== bytes[i]);
}

/** Consequence of a disk that keeps failing. */
const UNREADABLE = "it may be unreadable until it is saved again";

function cannotSave(folder: string, error: unknown, found: string): never {
  const reason = `cannot save the folder ${folder}: ${folderReason(error)}`;
  throw new Error(`${reason}; ${found}`, { cause: error });
}

/** The steps from the old files of a folder to the new ones, which the next save can take back. */
class FolderSwap {
  readonly #folder: string;
  readonly #id: string;
  readonly #staged: readonly StagedFile[];
  /** Old files that are set aside, and marks where there was none. */
  readonly #asides: string[] = [];

  constructor(folder: string, id: string, staged: readonly StagedFile[]) {
    [this.#folder, this.#id, this.#staged] = [folder, id, staged];
  }

  /** Replaces all files, or puts the old ones back. */
  async run(gone: readonly string[]): Promise<void> {
    const folder = this.#folder, others = this.#staged.slice(0, -1), last = this.#staged.at(-1);
    try {
      await disk.syncFolder(folder);
      if (last) await this.#setAside(last.path);
      await disk.syncFolder(folder);
      for (const { path } of others.toReversed()) await this.#setAside(path);
      for (const name of gone) await this.#setAside(pathIn(folder, name));
      await disk.syncFolder(folder);
      for (const file of others) await file.place();
      await disk.syncFolder(folder);
      await last?.place();
    } catch (error) {
      cannotSave(folder, error, await this.#takeBack());
    }
    await disk.syncFolder(folder).catch((error) => cannotSave(folder, error, UNCERTAIN))
      .finally(() => this.#finish());
  }

  /** Gives an old file another name, or marks that there is none. */
  async #setAside(path: string): Promise<void> {
    const isThere = await kindOf(path) !== undefined;
    const aside = temporaryOf(path, this.#id, isThere ? "old" : "none");
    if (isThere) await disk.rename(path, aside);
    else (await disk.create(aside))[Symbol.dispose]();
    this.#asides.push(aside);
  }

  /** Removes the old files. */
  async #finish(): Promise<void> {
    for (const aside of this.#asides) await disk.remove(aside).catch(() => {});
  }

  /** Puts the old files back, as far as that is possible, and says what a reader then finds. */
  async #takeBack(): Promise<string> {
    try {
      await takeBackSave(this.#folder, this.#id);
      return "its older files are unchanged";
    } catch {
      for (const file of this.#staged) file.keep();
      return UNREADABLE;
    }
  }
}

// Copies in memory.

/** A file with its bytes. */
export type HeldFile = FolderFile & { readonly content: Uint8Array<ArrayBuffer> };

/** Makes the content to be written, without writing it. */
export async function holdFiles(files: readonly FolderFile[]): Promise<HeldFile[]> {
  return await Promise.all(files.map(async ({ name, content }) => ({
    name,
    content: await bytesOf(content),
  })));
}

async function bytesOf(content: FolderFile["content"]): Promise<Uint8Array<ArrayBuffer>> {
  if (typeof content === "string") return new TextEncoder().encode(content);
  if (content instanceof Uint8Array) return new Uint8Array(content);
  const pieces: BlobPart[] = [];
  for await (const piece of content) pieces.push(new Uint8Array(piece));
  return await new Blob(pieces).bytes();
}

/** Held files as a reader of a folder takes them. */
export const asFiles = (files: readonly HeldFile[]): File[] =>
  files.map(({ name, content }) => new File([content], name));
