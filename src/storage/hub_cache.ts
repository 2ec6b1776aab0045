/**
 * The cache of the Hugging Face hub, in the layout of its own tools: contents in `blobs`, named by
 * their digests; commits by branch or tag in `refs`; and in `snapshots` a folder for each commit,
 * with links to the contents. Downloads into it are resumed, and checked before anything reads
 * them.
 *
 * @module
 */

import { oneLine, quote, terminalLine } from "../core/errors.ts";
import { leastAnswerBytes, mostResumptions } from "../core/limits.ts";
import { connectionReason, discard } from "./connection.ts";
import { disk, folderReason, type NewFile, writeAll, writeReason } from "./disk.ts";
import {
  type HubFile,
  type HubSettings,
  hubSettings,
  HubUnreachable,
  type Listing,
  listRepository,
  request,
} from "./hub_client.ts";
import { type HubName, parseHubName } from "./hub_name.ts";
import { isLink } from "./open_file.ts";

// Files and folders by their names.

/** A revision of a repository: as the hub lists it, or what the cache has of it. */
interface Revision {
  readonly settings: HubSettings;
  readonly cache: RepositoryCache;
  readonly commit: string;
  readonly paths: readonly string[];
  readonly listing?: Listing;
  /** The reason that the hub was not asked, or did not answer. */
  readonly reason?: string;
}

/** A name leads to one commit for as long as the program runs. */
const revisions = new Map<string, Promise<Revision>>();

/**
 * The path of a file in the cache, which is downloaded unless it is there.
 *
 * @throws {Error} when it cannot be found or downloaded.
 */
export async function pulledPath(text: string): Promise<string> {
  const name = parseHubName(text), revision = await revisionOf(name);
  const { settings, cache, commit, listing, reason } = revision;
  const path = await cache.pathOf(commit, name.path), file = listing?.files.get(name.path);
  if (!revision.paths.includes(name.path)) {
    throw new Error(
      kindIn(revision, name) === "folder"
        ? "it is a folder"
        : `it does not exist${reason ? ` in the cache, and ${reason}` : ""}`,
    );
  }
  if (!file || await cache.has(commit, file)) return path;
  using _ = await cache.lock(file);
  // Another process may have added it meanwhile, and reads it now.
  if (await cache.has(commit, file)) return path;
  const blob = cache.blob(file), found = await Deno.stat(blob).catch(() => undefined);
  if (found?.size !== file.bytes) await download({ settings, name, commit, file, blob });
  await cache.add(name.revision, commit, file);
  return path;
}

/** The kind of entry that a name leads to; `undefined` if there is none. */
export async function hubKind(text: string): Promise<"file" | "folder" | undefined> {
  const name = parseHubName(text);
  return kindIn(await revisionOf(name), name);
}

/** The names of the entries of a folder. */
export async function listHubFolder(text: string): Promise<string[]> {
  const name = parseHubName(text), { paths } = await revisionOf(name), begin = inside(name);
  const names = paths.filter((path) => path.startsWith(begin))
    .map((path) => path.slice(begin.length).split("/")[0]);
  return [...new Set(names)];
}

/** The folder in the cache that a name of a repository, or of a folder in it, leads to, and its commit. */
export async function hubFolder(text: string): Promise<{ folder: string; commit: string }> {
  const name = parseHubName(text), { cache, commit } = await revisionOf(name);
  return { folder: `${cache.snapshot(commit)}/${name.path}`.replace(/\/$/, ""), commit };
}

function kindIn({ paths }: Revision, name: HubName): "file" | "folder" | undefined {
  if (paths.includes(name.path)) return "file";
  const begin = inside(name);
  return begin === "" || paths.some((path) => path.startsWith(begin)) ? "folder" : undefined;
}

/** The prefix of the paths in a folder. */
const inside = ({ path }: HubName): string => path === "" ? "" : `${path}/`;

async function revisionOf(name: HubName): Promise<Revision> {
  const settings = hubSettings();
  const key = JSON.stringify([settings, name.repository, name.revision]);
  const known = revisions.get(key);
  if (known) return await known;
  const opening = openRevision(settings, name);
  revisions.set(key, opening);
  // What fails is tried again the next time.
  opening.catch(() => revisions.delete(key));
  return await opening;
}

async function openRevision(settings: HubSettings, name: HubName): Promise<Revision> {
  const cache = new RepositoryCache(settings.cache, name.repository);
  if (settings.isOffline) {
    return await cachedRevision(settings, cache, name, "HF_HUB_OFFLINE is set");
  }
  try {
    const listing = await listRepository(settings, name), { commit, files } = listing;
    return { settings, cache, commit, paths: [...files.keys()], listing };
  } catch (error) {
    if (!(error instanceof HubUnreachable)) throw error;
    return await cachedRevision(settings, cache, name, error.message);
  }
}

/**
 * The part of a revision that the cache holds.
 *
 * @throws {Error} when it has nothing.
 */
async function cachedRevision(
  settings: HubSettings,
  cache: RepositoryCache,
  { repository, revision }: HubName,
  reason: string,
): Promise<Revision> {
  const commit = await cache.commitOf(revision), paths = commit ? await cache.list(commit) : [];
  if (commit && paths.length > 0) return { settings, cache, commit, paths, reason };
  throw new Error(`${repository} at ${revision} is not in the cache, and ${reason}`);
}

// The cache.

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

  /** The path of a file's complete content. */
  blob({ digest }: HubFile): string {
    return `${this.#folder}/blobs/${digest}`;
  }

  /** The commit of a revision when the hub was last asked. */
  async commitOf(revision: string): Promise<string | undefined> {
    if (/^[0-9a-f]{40}$/.test(revision)) return revision;
    const commit = await Deno.readTextFile(`${this.#folder}/refs/${revision}`).catch(() => "");
    return /^[0-9a-f]{40}$/.test(commit.trim()) ? commit.trim() : undefined;
  }

  /** True if a commit's file is there in its full size. */
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

// Downloads.

/** Progress of the download of a file. */
export interface PullProgress {
  /** `OWNER/NAME`. */
  readonly repository: string;
  /** The file. */
  readonly file: HubFile;
  /** Bytes of it that are on the disk. */
  readonly bytes: number;
}

let listener: ((progress: PullProgress) => void) | undefined;

/** Calls a function for every piece of a file that is downloaded, until it is disposed. */
export function watchPulls(listen: (progress: PullProgress) => void): Disposable {
  listener = listen;
  return { [Symbol.dispose]: () => void (listener = undefined) };
}

/** A file to download, its source and its destination. */
export interface Download {
  /** The hub. */
  readonly settings: HubSettings;
  /** The repository. */
  readonly name: HubName;
  /** Its commit. */
  readonly commit: string;
  /** The file. */
  readonly file: HubFile;
  /** Path for its content. */
  readonly blob: string;
}

/**
 * Downloads a file to `BLOB.incomplete`, after what an earlier download left there, and renames it once its
 * size and digest are as the hub listed them.
 *
 * @throws {HubUnreachable} when a server cannot be reached, or stops too often; what it sent stays, and
 * another call continues.
 * @throws {Error} when a server sends anything but the file, which is removed then, or the disk fails.
 */
export async function download(what: Download): Promise<void> {
  const { file, blob } = what, partial = `${blob}.incomplete`;
  for (let attempts = 1; await sizeOf(partial) !== file.bytes; attempts++) {
    const broken = await receive(what, partial);
    if (!broken || attempts <= mostResumptions) continue;
    const count = `${await sizeOf(partial)} of ${file.bytes} bytes`;
    throw new HubUnreachable(
      `the server stopped after ${count} (${broken}); the same call continues there`,
    );
  }
  await assertDigest(file, partial);
  await disk.rename(partial, blob).catch((error) => cannotWrite(blob, error));
}

/** Appends the bytes that a server sends; returns the reason if the connection broke. */
async function receive(what: Download, partial: string): Promise<string | undefined> {
  const { file } = what, size = await sizeOf(partial) ?? 0, start = size < file.bytes ? size : 0;
  using pace = new Pace(what.settings.answerMs);
  const response = await requestFrom(start, what, pace.signal);
  const kept = await placeOf(response, file, start);
  using open = await disk.extend(partial, kept).catch((error) => cannotWrite(partial, error));
  let bytes = kept;
  for await (const piece of piecesOf(response)) {
    if (typeof piece === "string") return await synced(open, partial, piece);
    if ((bytes += piece.length) > file.bytes) {
      await disk.remove(partial);
      throw new Error(`the server must send ${file.bytes} bytes, sent more`);
    }
    pace.add(piece.length);
    await writeAll(open, piece).catch((error) => cannotWrite(partial, error));
    listener?.({ repository: what.name.repository, file, bytes });
  }
  return await synced(open, partial, bytes < file.bytes ? "it ended the connection" : undefined);
}

async function requestFrom(start: number, what: Download, signal: AbortSignal): Promise<Response> {
  const { settings, name, commit, file } = what;
  const path = file.path.split("/").map(encodeURIComponent).join("/");
  const address = `${settings.endpoint}/${name.repository}/resolve/${commit}/${path}`;
  const headers: HeadersInit = start > 0 ? { range: `bytes=${start}-` } : {};
  return await request(settings, name, address, headers, signal);
}

/**
 * The position in the file at which an answer's bytes start, once its headers agree with the listed
 * size.
 */
async function placeOf(response: Response, { bytes }: HubFile, start: number): Promise<number> {
  const range = response.headers.get("content-range");
  const length = response.headers.get("content-length");
  const isRest = response.status === 206 && range === `bytes ${start}-${bytes - 1}/${bytes}`;
  if (isRest) return start;
  if (response.status === 200 && (length === null || Number(length) === bytes)) return 0;
  await discard(response);
  const found = response.status === 206
    ? `the range ${quote(range)}`
    : `${oneLine(String(length))} bytes`;
  const wanted = `the ${bytes} bytes of the file${start > 0 ? `, or those from ${start}` : ""}`;
  throw new Error(`the server must send ${wanted}, sent ${found}`);
}

/** The pieces of an answer; then the reason, if the connection breaks. */
async function* piecesOf({ body }: Response): AsyncGenerator<Uint8Array | string> {
  const pieces = body?.[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await pieces?.next().catch(connectionReason);
      if (typeof next === "string") return yield next;
      if (!next || next.done) return;
      yield next.value;
    }
  } finally {
    await pieces?.return?.().catch(() => {});
  }
}

/** Aborts a request when too little has come for a while, or when its answer is of no use any more. */
class Pace implements Disposable {
  readonly #controller = new AbortController();
  readonly #ms: number;
  #bytes = 0;
  #timer: ReturnType<typeof setTimeout>;

  /** Begins. */
  constructor(ms: number) {
    this.#ms = ms;
    this.#timer = this.#start();
  }

  /** Aborted when it was too slow. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Something came: once it is enough, the time begins again. */
  add(bytes: number): void {
    if ((this.#bytes += bytes) < leastAnswerBytes) return;
    this.#bytes = 0;
    clearTimeout(this.#timer);
    this.#timer = this.#start();
  }

  /** Aborts the rest of the request. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#controller.abort();
  }

  #start(): ReturnType<typeof setTimeout> {
    const rule = `less than ${leastAnswerBytes} bytes came in ${this.#ms / 1000} s`;
    const reason = new DOMException(rule, "TimeoutError");
    return setTimeout(() => this.#controller.abort(reason), this.#ms);
  }
}

/** Waits until the disk has what was written. */
async function synced<T>(file: NewFile, path: string, result: T): Promise<T> {
  await file.sync().catch((error) => cannotWrite(path, error));
  return result;
}

function cannotWrite(path: string, error: unknown): never {
  throw new Error(`cannot write ${path}: ${writeReason(error)}`, { cause: error });
}

/** The size of a file; none of a link, whose content is not ours. */
async function sizeOf(path: string): Promise<number | undefined> {
  const found = await Deno.lstat(path).catch(() => undefined);
  return found?.isFile ? found.size : undefined;
}

/** Removes the file and throws unless it has its digest. */
async function assertDigest({ bytes, digest, algorithm }: HubFile, path: string): Promise<void> {
  const { createHash } = await import("node:crypto"); // Web Crypto takes whole files only.
  const hash = createHash(algorithm === "sha256" ? "sha256" : "sha1");
  // Git names a file by the digest of this line and the content.
  if (algorithm === "git-sha1") hash.update(`blob ${bytes}\0`);
  using file = await Deno.open(path);
  for await (const piece of file.readable) hash.update(piece);
  const found = hash.digest("hex");
  if (found === digest) return;
  await disk.remove(path);
  throw new Error(
    `the server must send a file whose ${algorithm} is ${digest}, sent one with ${found}; it was removed`,
  );
}
