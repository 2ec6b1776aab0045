/**
 * A repository in the cache of Hugging Face's tools: contents in `blobs`, named by their digests; commits
 * by branch or tag in `refs`; and in `snapshots` a folder for each commit, with links to the contents.
 *
 * @module
 */

import { disk, writeAll } from "../disk.ts";
import { folderReason, writeReason } from "../file_errors.ts";
import { isLink } from "../links.ts";
import { terminalLine } from "../terminal_text.ts";
import type { HubFile } from "./listing.ts";

/** The repository's folder in the cache. */
export class RepositoryCache {
  readonly #folder: string;
  readonly #locks: string;

  /** Names the place; nothing is made yet. */
  constructor(cache: string, repository: string) {
    const name = `models--${repository.replace("/", "--")}`;
    this.#folder = `${cache}/${name}`;
    this.#locks = `${cache}/.locks/${name}`;
  }

  /** The folder of a commit's files. */
  snapshot(commit: string): string {
    return `${this.#folder}/snapshots/${commit}`;
  }

  /**
   * The path of a commit's file, which need not be there.
   *
   * @throws {Error} when a folder that leads to it is a link.
   */
  async pathOf(commit: string, path: string): Promise<string> {
    return await this.#inside(`snapshots/${commit}/${path}`);
  }

  /** Where the content of a file is once it is whole. */
  blob({ digest }: HubFile): string {
    return `${this.#folder}/blobs/${digest}`;
  }

  /** The commit of a revision when the hub was last asked. */
  async commitOf(revision: string): Promise<string | undefined> {
    if (/^[0-9a-f]{40}$/.test(revision)) return revision;
    const commit = await Deno.readTextFile(`${this.#folder}/refs/${revision}`).catch(() => "");
    return /^[0-9a-f]{40}$/.test(commit.trim()) ? commit.trim() : undefined;
  }

  /** Whether a commit's file is there in its full size. */
  async has(commit: string, { path, bytes }: HubFile): Promise<boolean> {
    const found = await Deno.stat(`${this.snapshot(commit)}/${path}`).catch(() => undefined);
    return found?.size === bytes;
  }

  /**
   * A path in the repository's folder.
   *
   * @throws {Error} when a folder below that is a link: it could lead to any other folder of the user's.
   */
  async #inside(path: string): Promise<string> {
    let place = this.#folder;
    for (const part of path.split("/").slice(0, -1)) {
      place += `/${part}`;
      if (!await isLink(place)) continue;
      throw new Error(`a folder in the cache must be no link, found one: ${terminalLine(place)}`);
    }
    return `${this.#folder}/${path}`;
  }

  /** The paths of a commit's files. */
  async list(commit: string): Promise<string[]> {
    const paths: string[] = [], waiting = [""];
    for (const folder of waiting) {
      const place = `${this.snapshot(commit)}/${folder}`;
      for (const { name, isDirectory } of await entriesOf(place)) {
        if (isDirectory) waiting.push(`${folder}${name}/`);
        else paths.push(folder + name);
      }
    }
    return paths;
  }

  /**
   * Takes a blob's lock, which other programs take too; waits for one that has it.
   *
   * @throws {Error} when the cache cannot be written, or its folder of contents is a link.
   */
  async lock({ digest }: HubFile): Promise<Disposable> {
    await this.#inside(`blobs/${digest}`);
    try {
      await disk.makeFolder(this.#locks);
      await disk.makeFolder(`${this.#folder}/blobs`);
      const path = `${this.#locks}/${digest}.lock`;
      const file = await Deno.open(path, { write: true, create: true });
      await file.lock(true).catch(() => {}); // Some network drives have no locks.
      return file;
    } catch (error) {
      throw new Error(`cannot write to the folder ${this.#locks}: ${folderReason(error)}`, {
        cause: error,
      });
    }
  }

  /**
   * Adds a file whose blob is whole to the folder of its commit, which the revision leads to from then on.
   *
   * @throws {Error} when the cache cannot be written, or one of its folders is a link.
   */
  async add(revision: string, commit: string, file: HubFile): Promise<void> {
    const path = await this.pathOf(commit, file.path);
    const up = "../".repeat(file.path.split("/").length + 1);
    try {
      await disk.makeFolder(path.slice(0, path.lastIndexOf("/")));
      await disk.remove(path).catch(() => {});
      // Windows makes links only for administrators; then the file itself goes there, as with Python's tools.
      await disk.link(`${up}blobs/${file.digest}`, path).catch(() =>
        disk.rename(this.blob(file), path)
      );
      if (revision !== commit) await this.#setCommit(revision, commit);
    } catch (error) {
      throw new Error(`cannot write ${path}: ${writeReason(error)}`, { cause: error });
    }
  }

  async #setCommit(revision: string, commit: string): Promise<void> {
    if (await this.commitOf(revision) === commit) return;
    // Other programs take any file in `refs` for a branch, and look at nothing else in `blobs`.
    const path = await this.#inside(`refs/${revision}`);
    const temporary = `${this.#folder}/blobs/${crypto.randomUUID()}.tmp`;
    await disk.makeFolder(path.slice(0, path.lastIndexOf("/")));
    try {
      using file = await disk.create(temporary);
      await writeAll(file, new TextEncoder().encode(commit));
      await file.sync();
      await disk.rename(temporary, path);
    } catch (error) {
      await disk.remove(temporary).catch(() => {});
      throw error;
    }
  }
}

/** A folder's entries; none where there is no folder. */
async function entriesOf(folder: string): Promise<Deno.DirEntry[]> {
  return await Array.fromAsync(Deno.readDir(folder)).catch(() => []);
}
