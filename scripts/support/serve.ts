/** A folder over HTTP on this machine, and nothing beside it. @module */

import { join, sep } from "node:path";
import { isLocalHost } from "../../src/core/checks.ts";

const types: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  css: "text/css",
  svg: "image/svg+xml",
  js: "text/javascript",
  ts: "application/typescript",
  json: "application/json",
  wasm: "application/wasm",
  wgsl: "text/plain",
};

/** A server of a folder. */
export interface Served extends AsyncDisposable {
  /** Its address, with a slash at the end. */
  readonly url: string;
  /** Paths that it was asked for. */
  readonly asked: ReadonlySet<string>;
}

/**
 * Serves a folder's files on 127.0.0.1 until it is disposed; port 0 is any that is free. Only `GET` and `HEAD`, only
 * to a `Host` that is this machine, and only files whose real path is in the folder's.
 */
export function serveFolder(folder: string, port = 0): Served {
  const asked = new Set<string>(), root = Deno.realPathSync(folder);
  const server = Deno.serve({ hostname: "127.0.0.1", port, onListen() {} }, async (request) => {
    const { status, path = "" } = pathOf(request);
    if (status !== 200) return new Response(null, { status, headers: { allow: "GET, HEAD" } });
    asked.add(path);
    const body = await fileIn(root, path);
    if (!body) return new Response("not found", { status: 404 });
    const type = types[path.split(".").at(-1)!] ?? "application/octet-stream";
    return new Response(body, { headers: { "content-type": type } });
  });
  return {
    asked,
    url: `http://${server.addr.hostname}:${server.addr.port}/`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** The path below the folder that a request names, decoded once, or the status that refuses the request. */
function pathOf({ method, headers, url }: Request): { status: number; path?: string } {
  if (method !== "GET" && method !== "HEAD") return { status: 405 };
  if (!isLocalHost(headers.get("host") ?? "")) return { status: 403 };
  try {
    const path = decodeURIComponent(new URL(url).pathname).slice(1);
    if (path.includes("\0")) return { status: 400 };
    return { status: 200, path: path.replace(/(^|\/)$/, "$1index.html") };
  } catch {
    return { status: 400 };
  }
}

/** The bytes of a file whose real path is inside a folder's, which is a real path too. */
async function fileIn(root: string, path: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    const real = await Deno.realPath(join(root, path));
    return real.startsWith(`${root}${sep}`) ? await Deno.readFile(real) : undefined;
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  const [folder, port] = Deno.args;
  console.log(`serving it at ${serveFolder(folder, Number(port)).url}`);
}
