/** Digests of files that may be larger than memory. @module */

import { sha256 } from "./digest.ts";
import { type FileSource, openFile } from "./storage.ts";

const chunkBytes = 16 * 2 ** 20;

/**
 * SHA-256 of the SHA-256 of each 16 MiB of a file.
 *
 * @throws {Error} when the file cannot be read.
 */
export async function fileDigest(source: FileSource): Promise<string> {
  using file = await openFile(source);
  const parts: string[] = [];
  for (let at = 0; at < file.bytes; at += chunkBytes) {
    parts.push(await sha256(await file.read(at, Math.min(chunkBytes, file.bytes - at))));
  }
  return await sha256(new TextEncoder().encode(parts.join()));
}
