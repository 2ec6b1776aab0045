/**
 * Reads files from disk, from a URL, or from memory. Only modules of `storage/` open files.
 *
 * Under Deno a path leads to the disk. In a browser it is a URL relative to the page: files are
 * fetched, and none can be written. A name `hf:OWNER/NAME` leads to a repository of the Hugging Face hub,
 * whose files are downloaded when they are opened. Files in memory are the platform's own `File` objects, such as
 * those of an `<input type="file">`; wherever a {@link Folder} is read, a list of them works too.
 * @module
 */

import { quote, terminalLine } from "../core/errors.ts";
import { inBrowser } from "../core/platform.ts";
import { discard } from "./connection.ts";
import { readReason } from "./disk.ts";
import { isHubName } from "./hub_name.ts";
import {
  type Folder,
  FolderEntry,
  followed,
  openBlob,
  openDiskFile,
  type OpenFile,
  PackedFile,
  packedIn,
  pathIn,
} from "./open_file.ts";

export { type Folder, FolderEntry, PackedFile, packedIn, pathIn };

/**
 * A file to read: its path or `file:` URL, one of a folder, or the file itself in memory. A path is the user's
 * own word and followed wherever it leads; the files of a folder may be a stranger's.
 */
export type FileSource = string | URL | FolderEntry | PackedFile | File;

/** A file that Deno reads. */
type DiskSource = Exclude<FileSource, File | PackedFile>;

/** A file of a folder, to be read. */
export function fileIn(folder: Folder, name: string): FolderEntry | PackedFile | File {
  if (typeof folder !== "string" && !Array.isArray(folder)) {
    throw new TypeError(`a folder must be a path or a list of files, found ${quote(folder)}`);
  }
  const file = typeof folder !== "string" && folder.find((file) => file.name === name);
  if (file) return file;
  const packed = packedIn(folder);
  if (packed !== undefined) return new PackedFile(packed, name);
  if (typeof folder === "string") return new FolderEntry(folder, name);
  throw new Error(`cannot read ${terminalLine(name)}: it is not among the files in memory`);
}

/** A path's folder and the name in it. */
export function splitPath(path: string): { folder: string; name: string } {
  const end = path.lastIndexOf("/") + 1;
  return { folder: path.slice(0, end) || ".", name: path.slice(end) };
}

/** A folder's name in messages. */
export function folderName(folder: Folder): string {
  return typeof folder === "string" ? terminalLine(folder) : "memory";
}

/** A file's name in messages. */
export function fileName(file: FileSource): string {
  return terminalLine(file instanceof File ? file.name : String(file));
}

/** True if a folder has a file of this name. */
export async function hasFile(folder: Folder, name: string): Promise<boolean> {
  if (typeof folder !== "string" && folder.some((file) => file.name === name)) return true;
  const packed = packedIn(folder);
  if (packed !== undefined) return await isPackedIn(packed, name);
  if (typeof folder !== "string") return false;
  // A repository that cannot be reached is named itself, not a file in it that nobody asked for.
  if (isHubName(folder)) await kindOf(folder);
  return await kindOf(pathIn(folder, name)) === "file";
}

/**
 * The kind of entry that a path leads to; `undefined` if there is none. A server only serves files:
 * in a browser a name without an extension is taken for a folder.
 *
 * @throws {Error} when this cannot be determined.
 */
export async function kindOf(path: string): Promise<"file" | "folder" | undefined> {
  if (inBrowser) return /\.[a-z]+$/.test(path) ? await kindAt(path) : "folder";
  if (isHubName(path)) {
    return await (await hub()).hubKind(path).catch((error) =>
      Promise.reject(cannotRead(path, error))
    );
  }
  try {
    return (await Deno.stat(path)).isDirectory ? "folder" : "file";
  } catch (error) {
    const { NotFound, NotADirectory } = Deno.errors;
    if (error instanceof NotFound || error instanceof NotADirectory) return undefined;
    throw cannotRead(path, error);
  }
}

/**
 * Opens a file for reading at any position. In a browser it is fetched as a whole.
 *
 * @throws {Error} when the file does not exist, cannot be read, or is a device, a pipe or a socket.
 */
export async function openFile(file: FileSource): Promise<OpenFile> {
  if (!isOnDisk(file)) return openBlob(await blobOf(file));
  return openDiskFile(
    await openOnDisk(file).catch((error) => Promise.reject(cannotRead(file, error))),
  );
}

/** The part of the library that knows the hub, which is loaded when a name needs it. */
const hub = () => import("./hub_cache.ts");

/** The same for GGUF files. */
const gguf = () => import("./gguf/tokenizer.ts");

async function isPackedIn(packed: string | File, name: string): Promise<boolean> {
  if (typeof packed === "string" && await kindOf(packed) !== "file") return false;
  return await ofGguf(packed, async (file) => (await gguf()).holdsFile(file, name));
}

/** The result of reading a GGUF file; errors name the file. */
async function ofGguf<T>(packed: string | File, read: (file: OpenFile) => Promise<T>): Promise<T> {
  using file = await openFile(packed);
  return await read(file).catch((error: Error) => {
    error.message = `cannot read ${fileName(packed)}: ${error.message}`;
    throw error;
  });
}

/** Opens a file and nothing else: opening a pipe waits for its writer, and a device may never end. */
async function openOnDisk(source: DiskSource): Promise<Deno.FsFile> {
  const path = await placeOf(source);
  const { isFile, isDirectory } = await Deno.stat(path);
  if (isFile) return await Deno.open(path);
  throw new Error(
    isDirectory ? "it is a folder" : "it is not a regular file; save its contents to one first",
  );
}

/** The path to open for a file; a link in a folder is followed only as far as it may be. */
async function placeOf(source: DiskSource): Promise<string | URL> {
  const named = String(source), isOnHub = isHubName(named);
  if (!isOnHub && !(source instanceof FolderEntry)) return source;
  const path = isOnHub ? await (await hub()).pulledPath(named) : named;
  return await followed(path, splitPath(path).folder);
}

/** Reads to the end, whatever size a file claims: it may grow, and files of `/proc` claim none. */
export async function readToEnd(
  source: DiskSource,
  most: number,
): Promise<Uint8Array<ArrayBuffer>> {
  using file = await openOnDisk(source);
  const { size } = file.statSync();
  assertSize(size, most);
  let bytes = new Uint8Array(size + 1), length = 0;
  for (let count; (count = file.readSync(bytes.subarray(length))) !== null;) {
    assertSize(length += count, most);
    if (length === bytes.length) bytes = new Uint8Array(bytes.buffer.transfer(2 * length));
  }
  return bytes.subarray(0, length);
}

/** The bytes of a file in memory. */
export async function blobBytes(blob: Blob, most: number): Promise<Uint8Array<ArrayBuffer>> {
  assertSize(blob.size, most);
  return new Uint8Array(await blob.arrayBuffer());
}

function assertSize(bytes: number, most: number): void {
  if (bytes > most) throw new Error(`it may have at most ${most} bytes, found ${bytes}`);
}

/** True if the file is on disk, to be read by Deno. */
export function isOnDisk(file: FileSource): file is DiskSource {
  return !inBrowser && !(file instanceof File) && !(file instanceof PackedFile);
}

/** Throws where files cannot be written. */
export function assertWritable(path: string): void {
  if (inBrowser) throw new Error(`cannot write ${path}: a page in a browser has no disk`);
  if (isHubName(path)) throw new Error(`cannot write ${path}: what is on the hub can only be read`);
}

/** A file in memory, made or fetched into it. */
export async function blobOf(file: FileSource): Promise<Blob> {
  if (file instanceof PackedFile) {
    return await ofGguf(file.gguf, async (open) => (await gguf()).madeFile(open, file.name));
  }
  return file instanceof File ? file : await (await request(String(file), "GET")).blob();
}

/** The error of a file that cannot be read, with the system's reason in words. */
export function cannotRead(file: FileSource, error: unknown): Error {
  return new Error(`cannot read ${fileName(file)}: ${readReason(error)}`, { cause: error });
}

async function kindAt(address: string): Promise<"file" | undefined> {
  return await request(address, "HEAD").then(() => "file", () => undefined);
}

/** The server's response; throws unless it is a success. */
async function request(address: string, method: "GET" | "HEAD"): Promise<Response> {
  if (isHubName(address)) {
    throw new Error(`cannot read ${address}: a page in a browser needs the address of the folder`);
  }
  const response = await fetch(address, { method })
    .catch((error) => Promise.reject(cannotRead(address, error)));
  if (response.ok) return response;
  await discard(response);
  const { status, statusText } = response;
  const reason = status === 404
    ? "it does not exist"
    : `the server answered ${status} ${statusText}`;
  throw new Error(`cannot read ${address}: ${reason.trim()}`);
}
