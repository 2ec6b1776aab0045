/** Downloads of single files of the Hugging Face hub: resumed, and checked before anything reads them. @module */

import { connectionReason, discard } from "../connection.ts";
import { disk, type NewFile, writeAll } from "../disk.ts";
import { writeReason } from "../file_errors.ts";
import { leastAnswerBytes, mostResumptions } from "../limits.ts";
import { oneLine, quote } from "../quote.ts";
import type { HubFile } from "./listing.ts";
import { HubUnreachable, request } from "./request.ts";
import type { HubName } from "./name.ts";
import type { HubSettings } from "./settings.ts";

/** How far the download of a file is. */
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

/** What is downloaded, from where and to where. */
export interface Download {
  /** The hub. */
  readonly settings: HubSettings;
  /** The repository. */
  readonly name: HubName;
  /** Its commit. */
  readonly commit: string;
  /** The file. */
  readonly file: HubFile;
  /** Where its content goes. */
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

/** Appends what a server sends; gives the reason if the connection broke. */
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

/** How many bytes before those of an answer are right; it must be about a file of the listed size. */
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

  /** Aborts what is left of the request. */
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
