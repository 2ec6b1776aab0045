/** Headers of safetensors files at a URL, by range requests: the values are not downloaded. @module */

import { parseJsonOf } from "../../core/checks.ts";
import { oneLine } from "../../core/errors.ts";
import { mostAnswerMs, mostIndexBytes, mostRemoteMs } from "../../core/limits.ts";
import { connectionReason, discard } from "../../storage/connection.ts";
import { headerBytes, parseHeader, type SafetensorsHeader, type TensorEntry } from "./header.ts";
import { parseWeightMap } from "./shards.ts";

/** Bytes of a file. */
export interface Range {
  /** The requested bytes; fewer if the file ends earlier. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Size of the whole file. */
  readonly fileBytes: number;
}

/** Time limit for several requests together. */
export interface TimeLimit {
  /** The limit. */
  readonly ms: number;
  /** Aborts when it is over. */
  readonly signal: AbortSignal;
}

/** A limit that begins now. */
function timeLimit(ms: number): TimeLimit {
  return { ms, signal: AbortSignal.timeout(ms) };
}

/**
 * Bytes `start` to `end` (exclusive) of a file; undefined if there is no such file and it may be
 * missing.
 *
 * @throws {Error} when the server sends anything but that range; the rest of its response is not read.
 */
async function fetchRange(
  address: string,
  [start, end]: readonly [number, number],
  limit: TimeLimit,
  missing?: "may be missing",
): Promise<Range | undefined> {
  // A compressed response would have other offsets.
  const headers = { range: `bytes=${start}-${end - 1}`, "accept-encoding": "identity" };
  const response = await request(address, limit, headers);
  if (missing && response.status === 404) {
    await discard(response);
    return undefined;
  }
  await assertAnswer(address, response, 206);
  const packing = response.headers.get("content-encoding") ?? "identity";
  if (packing !== "identity") {
    await refuse(
      address,
      response,
      `it must send the file as it is, and packed it by ${oneLine(packing)}`,
    );
  }
  const [first, fileBytes] = await placeOf(address, response);
  const length = Math.min(end, fileBytes) - start;
  if (first !== start) {
    await refuse(address, response, `it must send byte ${start} first, sent ${first}`);
  }
  const bytes = await readBody(address, response, length, limit);
  if (bytes.length === length) return { bytes, fileBytes };
  throw new Error(
    `cannot read ${address}: the server must send ${length} bytes, sent ${bytes.length}`,
  );
}

/** The index of a sharded model. */
async function fetchIndex(
  address: string,
  limit: TimeLimit,
): Promise<Uint8Array<ArrayBuffer>> {
  const response = await request(address, limit);
  await assertAnswer(address, response, 200);
  return await readBody(address, response, mostIndexBytes, limit);
}

async function request(
  address: string,
  limit: TimeLimit,
  headers?: HeadersInit,
): Promise<Response> {
  const signal = AbortSignal.any([limit.signal, AbortSignal.timeout(mostAnswerMs)]);
  try {
    return await fetch(address, { headers, signal });
  } catch (error) {
    throw broken(address, error as Error, limit);
  }
}

/** An error that says why a connection ended. */
function broken(address: string, error: Error, { ms, signal }: TimeLimit): Error {
  const seconds = (signal.aborted ? ms : mostAnswerMs) / 1000;
  const what = signal.aborted ? "all answers together" : "each answer";
  const reason = error.name === "TimeoutError"
    ? `the server must send ${what} within ${seconds} s`
    : connectionReason(error);
  return new Error(`cannot read ${address}: ${reason}`, { cause: error });
}

async function assertAnswer(address: string, response: Response, wanted: number): Promise<void> {
  const { status, statusText } = response;
  if (status === wanted) return;
  if (wanted === 206 && status === 200) {
    await refuse(
      address,
      response,
      "it must answer range requests, and ignored one; the file was not downloaded",
    );
  }
  await discard(response);
  throw new Error(
    `cannot read ${address}: ${refusals[status] ?? "the server refused"} (${
      oneLine(`${status} ${statusText}`.trim())
    })`,
  );
}

/** Meaning of a server's status. */
const refusals: Readonly<Record<number, string>> = {
  401: "the server asks for a login",
  403: "the server does not allow it",
  404: "the server has no such file",
  416: "the file is empty or ends before the requested range",
  429: "the server asks for fewer requests; try again later",
  500: "the server failed",
  502: "the server failed",
  503: "the server is not available",
};

async function refuse(address: string, response: Response, reason: string): Promise<never> {
  await discard(response);
  throw new Error(`cannot read ${address}: the server's answer cannot be used: ${reason}`);
}

/** The offset of the first byte sent, and the size of the file. */
async function placeOf(address: string, response: Response): Promise<[number, number]> {
  const range = response.headers.get("content-range");
  const [, ...places] = /^bytes (\d+)-\d+\/(\d+)$/.exec(range ?? "") ?? [];
  const [first, size] = places.map(Number);
  if (first < size && Number.isSafeInteger(size)) return [first, size];
  return await refuse(
    address,
    response,
    `it must state range and size in Content-Range, found ${oneLine(range ?? "none")}`,
  );
}

/** Reads a body up to a length and no further: a server may send more than requested. */
async function readBody(
  address: string,
  response: Response,
  length: number,
  limit: TimeLimit,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let filled = 0;
  try {
    for await (const chunk of response.body ?? []) {
      chunks.push(chunk);
      filled += chunk.length;
      if (filled > length) break;
    }
  } catch (error) {
    throw broken(address, error as Error, limit);
  }
  if (filled <= length) return concat(chunks);
  throw new Error(
    `cannot read ${address}: the server must send at most ${length} bytes, sent more`,
  );
}

/** Concatenates pieces of a file. */
function concat(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

/** The headers of one file, or of all shards of a model. */
export interface RemoteHeaders {
  /** Every tensor by name; offsets count from its own file's start. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** Size of the files, values included. */
  readonly fileBytes: number;
  /** Bytes transferred, excluding HTTP's own. */
  readonly bytesRead: number;
}

/**
 * Reads the headers of a safetensors file at an address, of all shards of a `….safetensors.index.json`,
 * or of `model.safetensors` or `model.safetensors.index.json` in a folder. Two ranges of each file are
 * requested: the header's length, and the header.
 *
 * @throws {SyntaxError} when a header or the index says what the files do not hold.
 * @throws {Error} when the server does not answer, ignores ranges, or takes more than 10 minutes; the
 * file is not downloaded then.
 *
 * @example
 * ```ts ignore
 * import { readRemoteHeaders } from "@lowrank/core/formats";
 *
 * const { tensors, bytesRead } = await readRemoteHeaders(
 *   "https://huggingface.co/openai-community/gpt2/resolve/main/model.safetensors",
 * );
 * console.log(tensors.size, bytesRead);
 * ```
 */
export async function readRemoteHeaders(address: string): Promise<RemoteHeaders> {
  return await readHeadersWithin(mostRemoteMs, address);
}

/** The same with another limit for the time of all requests together, in milliseconds. */
export async function readHeadersWithin(ms: number, address: string): Promise<RemoteHeaders> {
  const { pathname } = parseAddress(address), limit = timeLimit(ms);
  if (pathname.endsWith(".json")) return await readShards(address, limit);
  if (pathname.endsWith(".safetensors")) return (await readFile(address, limit))!;
  const single = beside(address.replace(/\/?$/, "/"), "model.safetensors");
  const file = await readFile(single, limit, "may be missing");
  return file ?? await readShards(`${single}.index.json`, limit);
}

function parseAddress(address: string): URL {
  const url = URL.parse(address);
  if (url && /^https?:$/.test(url.protocol)) return url;
  throw new SyntaxError(`an address must begin with https:// or http://, found ${address}`);
}

/** The URL of a file next to another; the query (a token, a revision) is kept. */
function beside(address: string, name: string): string {
  // Encoded and after "./", so that a name cannot lead to another folder or host.
  const { search } = new URL(address), url = new URL(`./${encodeURIComponent(name)}`, address);
  url.search = search;
  return url.href;
}

async function readShards(index: string, limit: TimeLimit): Promise<RemoteHeaders> {
  const content = await fetchIndex(index, limit);
  const { places, shards } = parseWeightMap(index, parseJsonOf(index, content));
  const tensors = new Map<string, TensorEntry>();
  let fileBytes = 0, bytesRead = content.length;
  for (const shard of shards) {
    const file = (await readFile(beside(index, shard), limit))!;
    fileBytes += file.fileBytes;
    bytesRead += file.bytesRead;
    for (const [name, entry] of file.tensors) {
      if (places.get(name) === shard) tensors.set(name, entry);
    }
  }
  for (const [name, shard] of places) {
    if (tensors.has(name)) continue;
    throw new SyntaxError(`cannot read ${index}: ${shard} must hold "${name}"`);
  }
  return { tensors, fileBytes, bytesRead };
}

/** Undefined only if there is no such file and it may be missing. */
async function readFile(
  address: string,
  limit: TimeLimit,
  missing?: "may be missing",
): Promise<RemoteHeaders | undefined> {
  const start = await fetchRange(address, [0, 8], limit, missing);
  if (!start) return undefined;
  const { fileBytes } = start, length = inFile(address, () => headerBytes(start.bytes, fileBytes));
  const rest = length > 8 ? await fetchRange(address, [8, length], limit) : undefined;
  assertSize(address, rest?.fileBytes ?? fileBytes, fileBytes);
  const whole = concat([start.bytes, ...(rest ? [rest.bytes] : [])]);
  const header: SafetensorsHeader = inFile(address, () => parseHeader(whole, fileBytes));
  return { tensors: header.tensors, fileBytes, bytesRead: length };
}

function assertSize(address: string, found: number, before: number): void {
  if (found === before) return;
  throw new Error(
    `cannot read ${address}: the file must keep its size, found ${before} and then ${found} bytes`,
  );
}

/** Adds the address to an error about the file. */
function inFile<T>(address: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new SyntaxError(`cannot read ${address}: ${(error as Error).message}`);
  }
}
