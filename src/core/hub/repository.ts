/** Files and folders of the Hugging Face hub, by their names, on this machine. @module */

import { RepositoryCache } from "./cache.ts";
import { download } from "./download.ts";
import { type Listing, listRepository } from "./listing.ts";
import { type HubName, parseHubName } from "./name.ts";
import { HubUnreachable } from "./request.ts";
import { type HubSettings, hubSettings } from "./settings.ts";

/** A revision of a repository: as the hub lists it, or what the cache has of it. */
interface Revision {
  readonly settings: HubSettings;
  readonly cache: RepositoryCache;
  readonly commit: string;
  readonly paths: readonly string[];
  readonly listing?: Listing;
  /** Why the hub was not asked, or did not answer. */
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

/** What a name leads to; `undefined` if nothing. */
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

/** What the paths in a folder begin with. */
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
 * What the cache has of a revision.
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
