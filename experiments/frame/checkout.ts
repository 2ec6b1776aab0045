/**
 * The commit of this program that is checked out, read from its files: git need not be installed.
 *
 * @module
 */

import { resolve } from "node:path";
import { readText } from "../../src/storage/files.ts";
import { pathIn } from "../../src/storage/storage.ts";

/**
 * The commit that is checked out in a folder, 40 or 64 hex digits; undefined where there is no repository.
 * Files may have been changed since.
 */
export async function checkedOutCommit(folder: string): Promise<string | undefined> {
  const git = await gitFolder(folder);
  const head = await textOf(git, "HEAD"), name = /^ref: (\S+)$/.exec(head ?? "")?.[1];
  const found = name === undefined ? head : await commitOf(git, name);
  return found !== undefined && /^[0-9a-f]{40,64}$/.test(found) ? found : undefined;
}

/** A repository's own folder; in a further working tree, `.git` is a file that names it. */
async function gitFolder(folder: string): Promise<string> {
  const named = /^gitdir: (.+)$/.exec(await textOf(folder, ".git") ?? "")?.[1];
  return resolve(folder, named ?? ".git");
}

/** A branch is a file, or a line of a file of many; those of further working trees are in the first one. */
async function commitOf(git: string, name: string): Promise<string | undefined> {
  const from = resolve(git, await textOf(git, "commondir") ?? ".");
  const packed = async () =>
    (await textOf(from, "packed-refs"))?.split("\n").find((line) => line.endsWith(` ${name}`));
  return await textOf(from, name) ?? (await packed())?.split(" ")[0];
}

const textOf = (folder: string, name: string): Promise<string | undefined> =>
  readText(pathIn(folder, name)).then((text) => text.trim(), () => undefined);
