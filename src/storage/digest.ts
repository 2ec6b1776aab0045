/** Digests of values and files: JSON in one form, and SHA-256. @module */

import { oneLine } from "../core/errors.ts";
import { listFolder } from "./files.ts";
import { fileIn, type FileSource, kindOf, openFile, packedIn, splitPath } from "./storage.ts";

/**
 * JSON whose bytes depend only on the content: sorted fields, no spaces, `undefined` fields left out.
 *
 * @param path Place of the value in a larger one, for errors.
 * @throws {TypeError} when a value cannot be JSON, such as NaN or a function.
 */
export function canonicalJson(value: unknown, path = ""): string {
  if (Array.isArray(value)) {
    return `[${value.map((item, i) => canonicalJson(item, `${path}[${i}]`)).join()}]`;
  }
  if (isPlain(value)) {
    const fields = Object.keys(value).filter((key) => value[key] !== undefined).sort();
    const pairs = fields.map((key) =>
      `${JSON.stringify(key)}:${canonicalJson(value[key], path ? `${path}.${key || '""'}` : key)}`
    );
    return `{${pairs.join()}}`;
  }
  const plain = value === null || ["string", "boolean"].includes(typeof value);
  if (plain || Number.isFinite(value)) return JSON.stringify(value);
  const where = path && ` as ${oneLine(path)}`;
  throw new TypeError(`a digest needs JSON values, found ${String(value)}${where}`);
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" &&
    [Object.prototype, null].includes(Object.getPrototypeOf(value));
}

/** SHA-256 of bytes, 64 hexadecimal digits. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Bytes of a file that are in memory at a time. */
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

/**
 * {@link fileDigest} of a folder's files on disk by name, those whose names match; none where there is no
 * folder. Of a GGUF file it is its own, whatever the names: all that it stands for is in it.
 *
 * @throws {Error} when one cannot be read.
 */
export async function fileDigests(folder: string, names: RegExp): Promise<Record<string, string>> {
  const digests: Record<string, string> = {}, kind = await kindOf(folder);
  if (kind === "file" && packedIn(folder) !== undefined) {
    return { [splitPath(folder).name]: await fileDigest(folder) };
  }
  if (kind !== "folder") return digests;
  for (const name of (await listFolder(folder)).sort()) {
    if (names.test(name)) digests[name] = await fileDigest(fileIn(folder, name));
  }
  return digests;
}
