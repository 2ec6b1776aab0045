/** A server of files on this machine that answers range requests, and counts what it sends. @module */

/** A file: its first bytes, and zeros up to its size. */
export interface ServedFile {
  readonly start: Uint8Array<ArrayBuffer>;
  readonly size: number;
}

/** Traffic of the server. */
export interface Traffic {
  /** Bytes of files that were handed to the network. */
  bytes: number;
  /** Requests as `bytes=0-7 /a.safetensors`. */
  readonly requests: string[];
}

/** The response to a request for a file. */
export type Answer = (file: ServedFile, range: string | null) => Response;

/** A safetensors file of zeros: a true header, no room for values. */
export function sparseFile(tensors: Record<string, number[]>): ServedFile {
  let end = 0;
  const entries = Object.entries(tensors).map(([name, shape]) => {
    const bytes = 2 * shape.reduce((size, extent) => size * extent, 1);
    return [name, { dtype: "BF16", shape, data_offsets: [end, end += bytes] }];
  });
  const header = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const start = new Uint8Array(8 + header.length);
  new DataView(start.buffer).setBigUint64(0, BigInt(header.length), true);
  start.set(header, 8);
  return { start, size: start.length + end };
}

/** A file of text. */
export function textFile(text: string): ServedFile {
  const start = new TextEncoder().encode(text);
  return { start, size: start.length };
}

const at = (file: ServedFile, from: number, to: number): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(to - from);
  bytes.set(file.start.subarray(from, to));
  return bytes;
};

/** The honest answer: 206 with the range, or 200 with all where none is asked for. */
export const honest: Answer = (file, range) => {
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
  if (to === undefined) return whole(file);
  const end = Math.min(Number(to) + 1, file.size);
  const headers = { "content-range": `bytes ${from}-${end - 1}/${file.size}` };
  return new Response(at(file, Number(from), end), { status: 206, headers });
};

/** Answers with the whole file whatever is asked for, in chunks for as long as somebody reads. */
export function whole(file: ServedFile): Response {
  let sent = 0;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      if (sent >= file.size) return controller.close();
      const end = Math.min(sent + 65536, file.size);
      controller.enqueue(at(file, sent, end));
      sent = end;
    },
  }, { highWaterMark: 0 });
  return new Response(body);
}

/** Serves files by path while `use` runs with the server's address. */
export async function withServer(
  files: Record<string, ServedFile>,
  use: (address: string, traffic: Traffic) => Promise<void>,
  answer: Answer = honest,
): Promise<void> {
  const traffic: Traffic = { bytes: 0, requests: [] };
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const { pathname, search } = new URL(request.url), range = request.headers.get("range");
    traffic.requests.push(`${range ?? "all"} ${pathname}${search}`);
    const file = files[pathname];
    return file
      ? counted(answer(file, range), traffic)
      : new Response("no such file", { status: 404 });
  });
  try {
    await use(`http://127.0.0.1:${server.addr.port}`, traffic);
  } finally {
    await server.shutdown();
  }
}

function counted(response: Response, traffic: Traffic): Response {
  const count = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      traffic.bytes += chunk.length;
      controller.enqueue(chunk);
    },
  });
  return new Response(response.body?.pipeThrough(count), response);
}
