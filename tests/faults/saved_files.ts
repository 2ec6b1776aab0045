/** The files of a folder, and whether they are old or new. @module */

import { assert } from "@std/assert";

/** A folder's files by name, in hexadecimal digits. */
export type Files = ReadonlyMap<string, string>;

/** Files that are read together; without the key, no reader takes them. */
export interface Group {
  readonly key: string;
  readonly names: readonly string[];
}

/** State of a group of files for a reader. */
export type State = "old" | "new" | "refused";

/** The state of a group of files; fails where they are neither all old nor all new. */
export function stateOf(
  { key, names }: Group,
  files: Files,
  { old, fresh }: { readonly old: Files; readonly fresh: Files },
  what: string,
): State {
  if (!files.has(key)) return "refused";
  const isLike = (others: Files) => names.every((name) => files.get(name) === others.get(name));
  // Where nothing of the group changes, it is as good as new.
  if (isLike(fresh)) return "new";
  assert(isLike(old), `${what}: a mix of old and new in ${[...files.keys()]}`);
  return "old";
}

/** The names of temporary files. */
export const temporaryIn = (files: Files): string[] =>
  [...files.keys()].filter((name) => name.endsWith(".tmp"));

/** The files of a folder; none where there is no folder. */
export function filesOf(folder: string): Files {
  const files = new Map<string, string>();
  try {
    for (const { name, isFile } of Deno.readDirSync(folder)) {
      if (isFile) files.set(name, Deno.readFileSync(`${folder}/${name}`).toHex());
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return files;
}

/** Copies a folder's files to a new one. */
export function copyFolder(from: string, to: string): void {
  Deno.mkdirSync(to);
  for (const { name } of Deno.readDirSync(from)) {
    Deno.copyFileSync(`${from}/${name}`, `${to}/${name}`);
  }
}
