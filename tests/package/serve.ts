/** A folder over HTTP, as a server of static files has it. @module */

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

/** Serves a folder's files on this machine until it is disposed; port 0 is any that is free. */
export function serveFolder(folder: string, port = 0): Served {
  const asked = new Set<string>();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port, onListen: () => {} },
    async (request) => {
      const pathname = decodeURIComponent(new URL(request.url).pathname)
        .replace(/\/$/, "/index.html");
      asked.add(pathname.slice(1));
      try {
        const body = await Deno.readFile(`${folder}${pathname}`);
        const type = types[pathname.split(".").at(-1)!] ?? "application/octet-stream";
        return new Response(body, { headers: { "content-type": type } });
      } catch {
        return new Response("not found", { status: 404 });
      }
    },
  );
  return {
    asked,
    url: `http://${server.addr.hostname}:${server.addr.port}/`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
