/** Folders of several files that are saved as a whole. @module */

import { disk } from "./disk.ts";
import { folderReason } from "./file_errors.ts";
import { claimFolder, listFolder, readBytes } from "./files.ts";
import {
  type FileContent,
  removeLeftovers,
  StagedFile,
  temporaryOf,
  UNCERTAIN,
} from "./staged_file.ts";
import { fileIn, hasFile, kindOf } from "./storage.ts";

/** A file of a folder that is saved as a whole. */
export interface FolderFile {
  /** Its name. */
  readonly name: string;
  /** What is written. */
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
 * readable at any time. Temporary files that killed processes have left in the folder are removed.
 *
 * @param obsolete Names of files that the new ones make obsolete.
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
  obsolete: readonly string[] = [],
): Promise<void> {
  using _ = await claimFolder(folder);
  await removeLeftovers(folder);
  const changed = await filterAsync(files, (file) => isChanged(folder, file));
  const gone = await filterAsync(obsolete, (name) => hasFile(folder, name));
  const isOneStep = changed.length <= 1 && gone.length === 0;
  await using stack = new AsyncDisposableStack();
  const staged: StagedFile[] = [];
  for (const { name, content, totalBytes } of isOneStep ? changed : files) {
    staged.push(stack.use(await StagedFile.write(fileIn(folder, name), content, totalBytes)));
  }
  if (isOneStep) await staged[0]?.replace();
  else await replaceAll(folder, staged, gone);
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

/** Whether the folder has other bytes under this name; content in pieces counts as changed. */
async function isChanged(folder: string, { name, content }: FolderFile): Promise<boolean> {
  if (typeof content !== "string" && !(content instanceof Uint8Array)) return true;
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const old = await readBytes(fileIn(folder, name)).catch(() => undefined);
  return old?.length !== bytes.length || old.some((byte, i) => byte !== bytes[i]);
}

/** Replaces all files, or puts the old ones back. */
async function replaceAll(
  folder: string,
  staged: readonly StagedFile[],
  gone: readonly string[],
): Promise<void> {
  const swap = new FolderSwap(folder), others = staged.slice(0, -1), last = staged.at(-1)!;
  const fail = (error: unknown, found: string) => {
    const reason = `cannot save the folder ${folder}: ${folderReason(error)}`;
    throw new Error(`${reason}; ${found}`, { cause: error });
  };
  try {
    for (const { path } of staged.toReversed()) await swap.setAside(path);
    for (const name of gone) await swap.setAside(fileIn(folder, name));
    await disk.syncFolder(folder);
    for (const file of others) await swap.place(file);
    await disk.syncFolder(folder);
    await swap.place(last);
  } catch (error) {
    fail(error, await swap.undo());
  }
  await disk.syncFolder(folder).catch((error) => fail(error, UNCERTAIN)).finally(() =>
    swap.finish()
  );
}

/** The steps from the old files of a folder to the new ones, which can be undone. */
class FolderSwap {
  readonly #folder: string;
  readonly #asides: string[] = [];
  readonly #undo: (() => Promise<void>)[] = [];

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Gives an old file, if there is one, another name. */
  async setAside(path: string): Promise<void> {
    if (await kindOf(path) === undefined) return;
    const aside = temporaryOf(path);
    await disk.rename(path, aside);
    this.#asides.push(aside);
    this.#undo.unshift(() => disk.rename(aside, path));
  }

  /** Puts a new file in its place. */
  async place(file: StagedFile): Promise<void> {
    await file.place();
    this.#undo.unshift(() => file.takeBack());
  }

  /** Removes the old files. */
  async finish(): Promise<void> {
    for (const aside of this.#asides) await disk.remove(aside).catch(() => {});
  }

  /** Takes all steps back, as far as that is possible, and says what a reader then finds. */
  async undo(): Promise<string> {
    try {
      for (const step of this.#undo) await step();
      await disk.syncFolder(this.#folder);
      return "its older files are unchanged";
    } catch {
      return "it cannot be read until it is saved again";
    }
  }
}
