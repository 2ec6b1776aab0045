/**
 * Requests to the Hugging Face hub and to the servers that it redirects to: settings from the
 * environment, and the listing of a repository.
 *
 * @module
 */

import { isRecord, parseJsonOf } from "../core/checks.ts";
import { oneLine, quote } from "../core/errors.ts";
import {
  mostAnswerMs,
  mostIndexBytes,
  mostListPages,
  mostPathLength,
  mostRedirects,
  mostRemoteMs,
  mostRepositoryFiles,
} from "../core/limits.ts";
import { environmentVariable } from "../core/platform.ts";
import { connectionReason, discard } from "./connection.ts";
import { type HubName, isInside } from "./hub_name.ts";

// Requests.

/** The hub gave no answer, or none that says anything about the repository: the cache may have it. */
export class HubUnreachable extends Error {}

/**
 * Asks the hub, and follows where it sends the request. Only the hub itself gets the token.
 *
 * @throws {HubUnreachable} when a server cannot be reached or fails.
 * @throws {Error} when it refuses, in words about the repository.
 */
export async function request(
  settings: HubSettings,
  name: HubName,
  address: string,
  headers: HeadersInit = {},
  signal?: AbortSignal,
): Promise<Response> {
  let url = new URL(address);
  for (let redirects = 0; redirects <= mostRedirects; redirects++) {
    const response = await ask(settings, url, new Headers(headers), signal);
    const place = response.headers.get("location");
    if (response.ok) return response;
    await discard(response);
    if (response.status >= 400 || place === null) throw refusal(settings, name, response);
    url = redirected(url, place);
  }
  throw new Error(`${url.host} sends the request elsewhere more than ${mostRedirects} times`);
}

/**
 * The address that a redirect leads to.
 *
 * @throws {Error} when this is no address of the web, or no longer encrypted.
 */
export function redirected(from: URL, location: string): URL {
  const to = URL.parse(location, from);
  if (to?.protocol === "https:" || (to?.protocol === "http:" && from.protocol === "http:")) {
    return to;
  }
  throw new Error(`${from.host} must send the request to another ${from.protocol}// address`);
}

async function ask(
  { endpoint, token, answerMs }: HubSettings,
  url: URL,
  headers: Headers,
  signal: AbortSignal = AbortSignal.timeout(answerMs),
): Promise<Response> {
  // A compressed file would have other offsets.
  headers.set("accept-encoding", "identity");
  if (token && url.origin === new URL(endpoint).origin) {
    headers.set("authorization", `Bearer ${token}`);
  }
  try {
    return await fetch(url, { headers, redirect: "manual", signal });
  } catch (error) {
    throw unreachable(url.host, error as Error);
  }
}

/** An error that says why a server cannot be reached. */
function unreachable(host: string, error: Error): HubUnreachable {
  const reason = /^(TimeoutError|AbortError)$/.test(error.name)
    ? "the server sends nothing, or too little"
    : connectionReason(error);
  return new HubUnreachable(`${host} cannot be reached: ${reason}`, { cause: error });
}

/** The error for an answer without success; the hub says more than the status in a header. */
function refusal(
  { token, endpoint }: HubSettings,
  { repository, revision }: HubName,
  { status, headers }: Response,
): Error {
  const host = new URL(endpoint).host, code = headers.get("x-error-code") ?? "";
  const login = token ? "HF_TOKEN has no access to it" : "set HF_TOKEN if it is private";
  if (status === 429 || status >= 500) {
    return new HubUnreachable(`${host} is not available (${status}); try again later`);
  }
  if (code === "GatedRepo" || status === 403) {
    const terms = `accept its terms on ${endpoint}/${repository}`;
    return new Error(
      `${repository} is gated: ${terms}${token ? "; " + login : " and set HF_TOKEN"} (${status})`,
    );
  }
  if (code === "RevisionNotFound") return new Error(`${repository} has no revision ${revision}`);
  if (code === "EntryNotFound") return new Error("the repository has no such file");
  if (status === 401 || status === 404) {
    return new Error(`${host} has no repository ${repository}, or hides it: ${login} (${status})`);
  }
  return new Error(`${host} refused (${oneLine(String(status))})`);
}

/**
 * The body of an answer, up to 64 MiB.
 *
 * @throws {HubUnreachable} when the connection breaks.
 * @throws {Error} when there is more.
 */
async function bodyOf(response: Response): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  try {
    for await (const piece of response.body ?? []) {
      pieces.push(piece);
      if ((length += piece.length) > mostIndexBytes) break;
    }
  } catch (error) {
    throw unreachable(hostOf(response), error as Error);
  }
  if (length <= mostIndexBytes) return await new Blob(pieces).bytes() as Uint8Array<ArrayBuffer>;
  throw new Error(`${hostOf(response)} must send at most ${mostIndexBytes} bytes, sent more`);
}

const hostOf = ({ url }: Response): string => new URL(url).host;

// Settings.

/** Addresses and folders of the hub and its cache. */
export interface HubSettings {
  /** Address of the hub, without a slash at its end. */
  readonly endpoint: string;
  /** Access token of the user. */
  readonly token?: string;
  /** Folder of the cache. */
  readonly cache: string;
  /** True if the hub must not be asked. */
  readonly isOffline: boolean;
  /** Time of an answer, and for each 32 KiB of a download, in milliseconds. */
  readonly answerMs: number;
  /** Time of the whole list of a repository's files, in milliseconds. */
  readonly listMs: number;
}

/**
 * Reads `HF_ENDPOINT`, `HF_TOKEN`, `HF_HUB_OFFLINE`, and for the cache `HF_HUB_CACHE`, `HF_HOME` or
 * `XDG_CACHE_HOME`, in this order, as `huggingface_hub` does.
 *
 * @throws {RangeError} when the endpoint is not an address, or the token cannot be sent.
 * @throws {Error} when there is no place for the cache.
 */
export function hubSettings(): HubSettings {
  const endpoint = (variable("HF_ENDPOINT") ?? "https://huggingface.co").replace(/\/+$/, "");
  if (!/^https?:$/.test(URL.parse(endpoint)?.protocol ?? "")) {
    throw new RangeError(
      `HF_ENDPOINT must begin with https:// or http://, found ${oneLine(endpoint)}`,
    );
  }
  const token = variable("HF_TOKEN");
  if (token && !/^[!-~]+$/.test(token)) {
    throw new RangeError("HF_TOKEN must be plain ASCII without spaces, found other characters");
  }
  return {
    endpoint,
    token,
    cache: cacheFolder(),
    isOffline: /^(1|on|yes|true)$/i.test(variable("HF_HUB_OFFLINE") ?? ""),
    answerMs: mostAnswerMs,
    listMs: mostRemoteMs,
  };
}

function cacheFolder(): string {
  const user = variable("HOME") ?? variable("USERPROFILE");
  const caches = variable("XDG_CACHE_HOME") ?? (user && `${user}/.cache`);
  const home = variable("HF_HOME") ?? (caches && `${caches}/huggingface`);
  const folder = variable("HF_HUB_CACHE") ?? (home && `${home}/hub`);
  if (folder) return user ? folder.replace(/^~(?=\/|$)/, user) : folder;
  throw new Error(
    "the cache of the Hugging Face hub needs a folder: set HF_HOME, and let the program read it " +
      "(--allow-env=HF_HOME)",
  );
}

/** A variable that is set to nothing counts as not set. */
const variable = (name: string): string | undefined =>
  environmentVariable(name)?.trim() || undefined;

// Listings.

/** A file of a repository. */
export interface HubFile {
  /** Its path in the repository. */
  readonly path: string;
  /** Its size. */
  readonly bytes: number;
  /** The digest that it must have, in hexadecimal digits, which is its name in the cache. */
  readonly digest: string;
  /** Algorithm of the digest: SHA-256 of a large file, or SHA-1 as Git names a small one. */
  readonly algorithm: "sha256" | "git-sha1";
}

/** A revision of a repository. */
export interface Listing {
  /** Its commit. */
  readonly commit: string;
  /** Its files by their paths. */
  readonly files: ReadonlyMap<string, HubFile>;
}

/**
 * Asks the hub for a revision's commit and files.
 *
 * @throws {HubUnreachable} when the hub cannot be reached or fails.
 * @throws {Error} when it has no such repository or revision, or its answer cannot be used.
 */
export async function listRepository(settings: HubSettings, name: HubName): Promise<Listing> {
  const { listFiles, modelInfo } = await import("npm:@huggingface/hub@2.17.5");
  const { repository, revision } = name, failures: unknown[] = [];
  const pages = new Set<string>(), end = performance.now() + settings.listMs;
  const options = {
    hubUrl: settings.endpoint,
    fetch: (address: string | URL | Request) => {
      addOnce(pages, "page", String(address), mostListPages);
      if (performance.now() > end) {
        throw new RangeError(`the hub must list the files within ${settings.listMs / 1000} s`);
      }
      return answer(settings, name, String(address)).catch((error) => {
        failures.push(error);
        throw error;
      });
    },
  };
  try {
    const info = await modelInfo({
      ...options,
      name: repository,
      revision,
      additionalFields: ["sha"],
    });
    const commit = commitOf(info.sha), files = new Map<string, HubFile>();
    const paths = new Set<string>();
    const entries = listFiles({ ...options, repo: repository, revision: commit, recursive: true });
    for await (const entry of entries) {
      if (!entry) continue;
      const path = parsePath(entry.path);
      addOnce(paths, "path", path, mostRepositoryFiles);
      if (entry.type === "file") files.set(path, parseFile(path, entry));
    }
    return { commit, files };
  } catch (error) {
    if (failures.includes(error) || error instanceof RangeError) throw error;
    const reason = oneLine((error as Error).message);
    throw new Error(`the hub's answer cannot be used: ${reason}`, { cause: error });
  }
}

/** Adds a page or a path, which the hub must list once, to those that there were. */
function addOnce(known: Set<string>, what: "page" | "path", one: string, most: number): void {
  if (known.has(one)) {
    throw new RangeError(`the hub must list each ${what} once, sent ${quote(one)} again`);
  }
  if (known.add(one).size <= most) return;
  throw new RangeError(`the hub must list at most ${most} ${what}s, sent more`);
}

/** An answer that is read as a whole, and is JSON: the client reads without limits of size and nesting. */
async function answer(settings: HubSettings, name: HubName, address: string): Promise<Response> {
  const response = await request(settings, name, address);
  const { status, headers } = response, body = await bodyOf(response);
  const json = parseJsonOf("the hub's answer", body), { pathname } = new URL(address);
  const [fits, rule] = pathname.includes("/tree/")
    ? [Array.isArray(json), "list files"]
    : [isRecord(json), "describe a revision"];
  if (fits) return new Response(body, { status, headers });
  throw new RangeError(`the hub's answer cannot be used: it must ${rule}, found ${quote(json)}`);
}

function commitOf(sha: unknown): string {
  if (typeof sha === "string" && /^[0-9a-f]{40}$/.test(sha)) return sha;
  throw new RangeError(`the hub must name a commit by 40 hexadecimal digits, sent ${quote(sha)}`);
}

/** Checks the path of a file or folder, which becomes one on the disk. */
function parsePath(path: unknown): string {
  if (typeof path === "string" && isInside(path) && path.length <= mostPathLength) return path;
  throw new RangeError(`the hub must list files inside of the repository, sent ${quote(path)}`);
}

/** Checks a file's entry: the digest becomes a name on the disk. */
function parseFile(path: string, { size, oid, lfs }: Entry): HubFile {
  const bytes = lfs?.size ?? size, digest = lfs?.oid ?? oid;
  const isDigest = new RegExp(`^[0-9a-f]{${lfs ? 64 : 40}}$`).test(String(digest));
  if (Number.isSafeInteger(bytes) && Number(bytes) >= 0 && isDigest) {
    const algorithm = lfs ? "sha256" : "git-sha1";
    return { path, bytes: Number(bytes), digest: String(digest), algorithm };
  }
  throw new RangeError(
    `the hub must state size and digest of ${quote(path)}, sent ${quote(bytes)}, ${quote(digest)}`,
  );
}

/** A file as the hub lists it, before it is checked. */
interface Entry {
  readonly size?: unknown;
  readonly oid?: unknown;
  readonly lfs?: { readonly size?: unknown; readonly oid?: unknown };
}
