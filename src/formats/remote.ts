/** Headers of safetensors files at a URL, by range requests: the values are not downloaded. @module */

import { parseJsonOf } from "../core/json.ts";
import { mostRemoteMs } from "../core/limits.ts";
import { headerBytes, parseHeader, type SafetensorsHeader, type TensorEntry } from "./header.ts";
import { concat, fetchIndex, fetchRange, type TimeLimit, timeLimit } from "./ranges.ts";
import { parseWeightMap } from "./shards.ts";

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
