/** What a repository of the Hugging Face hub holds, as the hub says. @module */

import { isRecord, parseJsonOf } from "../json.ts";
import { mostListPages, mostPathLength, mostRepositoryFiles } from "../limits.ts";
import { oneLine, quote } from "../quote.ts";
import { type HubName, isInside } from "./name.ts";
import { bodyOf, request } from "./request.ts";
import type { HubSettings } from "./settings.ts";

/** A file of a repository. */
export interface HubFile {
  /** Its path in the repository. */
  readonly path: string;
  /** Its size. */
  readonly bytes: number;
  /** The digest that it must have, in hexadecimal digits, which is its name in the cache. */
  readonly digest: string;
  /** How that is computed: SHA-256 of a large file, or SHA-1 as Git names a small one. */
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
