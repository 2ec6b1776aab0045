/** A small Hugging Face hub on this machine, whose large files are on another server. @module */

import { withVariables } from "./variables.ts";
import { createHash } from "node:crypto";
import { filesIn } from "../../scripts/support/folders.ts";
import { rootPath } from "../../scripts/support/source_files.ts";

/** A repository: its files by path, of which those of weights are large. */
export type Repository = Readonly<Record<string, Uint8Array<ArrayBuffer>>>;

/** The commit of every repository. */
export const commit = "c0ffee".padEnd(40, "0");

/** A request that a server got: `hub GET /path`, and what it was sent with. */
export interface Got {
  readonly what: string;
  readonly token: string | null;
  readonly range: string | null;
}

/** A hub that runs, with what it and the server of its large files were asked. */
export interface HubServer {
  /** Its address. */
  readonly endpoint: string;
  /** `HF_HOME`. */
  readonly home: string;
  /** The cache in it. */
  readonly cache: string;
  /** All requests, in order. */
  readonly got: Got[];
}

/** Answers in place of a server: of the hub, or of the server of large files. */
export type Answer = (
  request: Request,
  where: "hub" | "files",
) => Response | Promise<Response> | undefined;

/** The files of a folder of this project. */
export function filesOf(folder: string): Repository {
  const path = `${rootPath}${folder}`;
  return Object.fromEntries(
    filesIn(path).map((name) => [name, Deno.readFileSync(`${path}/${name}`)]),
  );
}

/** The digest by which a repository names a file. */
export function digestOf(path: string, bytes: Uint8Array): string {
  return isLarge(path)
    ? createHash("sha256").update(bytes).digest("hex")
    : createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
}

const isLarge = (path: string): boolean => /\.(safetensors|bin)$/.test(path);

/** Runs something beside a hub, with the environment's variables set to it and to an empty cache. */
export async function withHub(
  repositories: Readonly<Record<string, Repository>>,
  use: (hub: HubServer) => Promise<void>,
  answer: Answer = () => undefined,
): Promise<void> {
  const got: Got[] = [], home = await Deno.makeTempDir();
  const serve = (where: "hub" | "files", honest: (request: Request) => Response) =>
    Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
      const { pathname } = new URL(request.url), { headers, method } = request;
      const what = `${where} ${method} ${pathname}`;
      got.push({ what, token: headers.get("authorization"), range: headers.get("range") });
      return await answer(request, where) ?? honest(request);
    });
  const find = (path: string) => fileOf(repositories, path);
  const files = serve("files", (request) => part(request, find(new URL(request.url).pathname)!));
  const hub = serve(
    "hub",
    (request) => hubAnswer(repositories, request, `http://127.0.0.1:${files.addr.port}`),
  );
  const endpoint = `http://127.0.0.1:${hub.addr.port}`;
  const settings = { HF_ENDPOINT: endpoint, HF_HOME: home, HF_TOKEN: "secret", HF_HUB_OFFLINE: "" };
  try {
    await withVariables(settings, () => use({ endpoint, home, cache: `${home}/hub`, got }));
  } finally {
    await Promise.all([hub.shutdown(), files.shutdown()]);
    await Deno.remove(home, { recursive: true });
  }
}

function fileOf(repositories: Readonly<Record<string, Repository>>, pathname: string) {
  const [, name, path] = /^\/([^/]+\/[^/]+)\/resolve\/(?:main|[0-9a-f]+)\/(.+)$/.exec(pathname) ??
    [];
  return repositories[name]?.[decodeURIComponent(path)];
}

function hubAnswer(
  repositories: Readonly<Record<string, Repository>>,
  request: Request,
  files: string,
): Response {
  const { pathname, searchParams, origin } = new URL(request.url);
  const [, name, kind, revision] = /^\/api\/models\/([^/]+\/[^/]+)\/(revision|tree)\/([^/]+)/
    .exec(pathname) ?? [];
  if (!name) {
    const found = fileOf(repositories, pathname);
    if (!found) return refused(404, "EntryNotFound");
    const etag = `"${digestOf(pathname, found)}"`, large = isLarge(pathname);
    const size = String(found.length), linked = { "x-linked-etag": etag, "x-linked-size": size };
    const headers = { etag, "x-repo-commit": commit, ...(large ? linked : {}) };
    if (!large) return part(request, found, headers);
    return new Response(null, { status: 302, headers: { ...headers, location: files + pathname } });
  }
  if (!Object.hasOwn(repositories, name)) return refused(401, "RepoNotFound");
  if (kind === "revision") {
    return ["main", "v1", commit].includes(revision)
      ? Response.json({ _id: "1", id: name, sha: commit, lastModified: "2026-01-01T00:00:00Z" })
      : refused(404, "RevisionNotFound");
  }
  // Two entries a page, as if there were many.
  const entries = Object.entries(repositories[name]).map(entryOf);
  const from = Number(searchParams.get("cursor"));
  const next = `<${origin}${pathname}?recursive=true&cursor=${from + 2}>; rel="next"`;
  const headers = from + 2 < entries.length ? { link: next } : undefined;
  return Response.json(entries.slice(from, from + 2), { headers });
}

function entryOf([path, bytes]: [string, Uint8Array]) {
  const oid = digestOf(path, bytes), size = bytes.length;
  const large = { oid: "0".repeat(40), lfs: { oid, size, pointerSize: 130 } };
  return { type: "file", path, size, ...(isLarge(path) ? large : { oid }) };
}

/** A refusal as the hub writes it. */
export function refused(status: number, code: string): Response {
  return new Response(null, { status, headers: { "x-error-code": code } });
}

/** A file, or the part that is asked for. */
export function part(
  { headers }: Request,
  file: Uint8Array<ArrayBuffer>,
  also: Readonly<Record<string, string>> = {},
): Response {
  const [, from] = /^bytes=(\d+)-$/.exec(headers.get("range") ?? "") ?? [];
  if (from === undefined) return new Response(file, { headers: also });
  const range = `bytes ${from}-${file.length - 1}/${file.length}`;
  return new Response(file.slice(Number(from)), {
    status: 206,
    headers: { "content-range": range, ...also },
  });
}
