/**
 * The names of temporary files, and what becomes of those that killed processes have left.
 *
 * Files of one save have the same id in their names: new content (`NAME.ID.tmp`), that of the file which
 * goes to its place last (`NAME.ID.last.tmp`), old files that are set aside (`NAME.ID.old.tmp`), and marks
 * where there was none (`NAME.ID.none.tmp`). While the last one is left, the save is not complete.
 *
 * @module
 */

import { disk } from "./disk.ts";
import { pathIn } from "./storage.ts";

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
 * Removes what killed processes have left of a file, or of any file of a folder, as far as that is
 * possible. What belongs to a save that is not complete stays: {@link recoverFolder} needs it.
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
