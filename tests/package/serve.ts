/** A folder over HTTP, as a server of static files has it. @module */

const types: Readonly<Record<string, string>> = {
  html: "text/html",
  js: "text/javascript",
  ts: "application/typescript",
  json: "application/json",
  wasm: "application/wasm",
  wgsl: "text/plain",
};

/** Serves a folder's files on a free port until it is disposed. */
export function serveFolder(folder: string): { url: string } & AsyncDisposable {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      try {
        const body = await Deno.readFile(`${folder}${pathname}`);
        const type = types[pathname.split(".").at(-1)!] ?? "application/octet-stream";
        return new Response(body, { headers: { "content-type": type } });
      } catch {
        return new Response("not found", { status: 404 });
      }
    },
  );
  const { hostname, port } = server.addr;
  return { url: `http://${hostname}:${port}/`, [Symbol.asyncDispose]: () => server.shutdown() };
}
