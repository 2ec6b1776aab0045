/** What a repository of the Hugging Face hub holds, as the hub says. @module */

import { isRecord, parseJsonOf } from "../json.ts";
import { mostRepositoryFiles } from "../limits.ts";
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
  const options = {
    hubUrl: settings.endpoint,
    fetch: (address: string | URL | Request) =>
      answer(settings, name, String(address)).catch((error) => {
        failures.push(error);
        throw error;
      }),
  };
  try {
    const info = await modelInfo({
      ...options,
      name: repository,
      revision,
      additionalFields: ["sha"],
    });
    const commit = commitOf(info.sha), files = new Map<string, HubFile>();
    const entries = listFiles({ ...options, repo: repository, revision: commit, recursive: true });
    for await (const entry of entries) {
      if (entry?.type !== "file") continue;
      if (files.size === mostRepositoryFiles) {
        throw new RangeError(`it may have at most ${mostRepositoryFiles} files, found more`);
      }
      files.set(entry.path, parseEntry(entry));
    }
    return { commit, files };
  } catch (error) {
    if (failures.includes(error) || error instanceof RangeError) throw error;
    const reason = oneLine((error as Error).message);
    throw new Error(`the hub's answer cannot be used: ${reason}`, { cause: error });
  }
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

/** Checks a file's entry: the path and the digest become paths on the disk. */
function parseEntry({ path, size, oid, lfs }: Entry): HubFile {
  if (typeof path !== "string" || !isInside(path)) {
    throw new RangeError(`the hub must list files inside of the repository, sent ${quote(path)}`);
  }
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
  readonly path: unknown;
  readonly size?: unknown;
  readonly oid?: unknown;
  readonly lfs?: { readonly size?: unknown; readonly oid?: unknown };
}
