/**
 * Files open for reading at any position, on disk or in memory; folders to read from; and the links
 * in them, which must not lead elsewhere.
 *
 * @module
 */

// Open files.

/** A file that can be read at any position; disposing of it closes it. */
export interface OpenFile extends Disposable {
  /** Its size. */
  readonly bytes: number;
  /**
   * Reads `length` bytes from an offset; several reads may run at the same time.
   *
   * @param into Memory for the bytes, of which the result is a part. Default: new memory.
   * @throws {SyntaxError} when the file ends earlier.
   */
  read(
    offset: number,
    length: number,
    into?: Uint8Array<ArrayBuffer>,
  ): Promise<Uint8Array<ArrayBuffer>>;
}

/** A file in memory. */
export function openBlob(blob: Blob): OpenFile {
  const read = async (offset: number, length: number, into?: Uint8Array<ArrayBuffer>) => {
    const bytes = new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
    if (bytes.length < length) throw endsEarly(length - bytes.length);
    if (!into) return bytes;
    into.set(bytes);
    return into.subarray(0, length);
  };
  return { bytes: blob.size, read, [Symbol.dispose]: () => {} };
}

/** A file on the disk. */
export function openDiskFile(file: Deno.FsFile): OpenFile {
  const read = (offset: number, length: number, into = new Uint8Array(length)) =>
    Promise.try(readAt, file, offset, into.subarray(0, length));
  return { bytes: file.statSync().size, read, [Symbol.dispose]: () => file.close() };
}

/** Synchronous, so that two reads at the same time cannot move each other's position. */
function readAt(
  file: Deno.FsFile,
  offset: number,
  bytes: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  file.seekSync(offset, Deno.SeekMode.Start);
  for (let filled = 0; filled < bytes.length;) {
    const count = file.readSync(bytes.subarray(filled));
    if (count === null) throw endsEarly(bytes.length - filled);
    filled += count;
  }
  return bytes;
}

function endsEarly(missing: number): SyntaxError {
  return new SyntaxError(`the file ends ${missing} bytes too early`);
}

// Folders to read from.

/**
 * A folder to read from: its path (in a browser, a URL relative to the page), `hf:OWNER/NAME[@REVISION]`
 * for a repository of the Hugging Face hub, or its files in memory, found by `name`. A model's may be a GGUF file.
 */
export type Folder = string | readonly File[];

/** A file of a folder on the disk or the hub. It is not read through a link that leads out of the folder. */
export class FolderEntry {
  readonly #path: string;

  /** Names a file, which need not be there. */
  constructor(folder: string, name: string) {
    this.#path = pathIn(folder, name);
  }

  /** Its path. */
  toString(): string {
    return this.#path;
  }
}

/** A file of the folder that a GGUF file stands for, which holds its values in another form. */
export class PackedFile {
  /** Names a file, which need not be there. */
  constructor(readonly gguf: string | File, readonly name: string) {}

  /** Its path, as if the GGUF file were a folder. */
  toString(): string {
    return pathIn(this.gguf instanceof File ? this.gguf.name : this.gguf, this.name);
  }
}

/**
 * The GGUF file that stands for a model's folder: a path that ends with `.gguf`, or the one file of that kind in
 * memory. The repository `hf:OWNER/NAME.gguf` is none.
 */
export function packedIn(folder: Folder): string | File | undefined {
  if (typeof folder === "string") {
    return isGgufName(folder) && !/^hf:[^/]*\/[^/]*$/.test(folder) ? folder : undefined;
  }
  const [file, ...others] = folder.filter(({ name }) => isGgufName(name));
  return others.length === 0 ? file : undefined;
}

/** True for the name of a GGUF file; in a list, callers without types may give anything. */
const isGgufName = (name: unknown): boolean => typeof name === "string" && name.endsWith(".gguf");

/** The path of a file in a folder, to be written or named. */
export function pathIn(folder: string, name: string): string {
  return /(^|\/)$/.test(folder) ? folder + name : `${folder}/${name}`;
}

// Links.

/** True of a link itself, wherever it leads; false where there is nothing. */
export async function isLink(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(({ isSymlink }) => isSymlink, () => false);
}

/**
 * Follows a file of a folder if it is a link. It must lead to a file in the same folder or, in the cache of
 * Hugging Face's tools, from a repository's snapshot to its contents in `blobs`: any other could lead to a file
 * of the user's, and what that holds would get into outputs, answers and messages.
 *
 * @returns The path itself or, of a link, that of the file it leads to, which has no links in it.
 * @throws {Error} when a link leads elsewhere or nowhere; the message gives the reason alone.
 */
export async function followed(path: string, folder: string): Promise<string> {
  if (!await isLink(path)) return path;
  const own = await Deno.realPath(folder), target = await Deno.realPath(path);
  const blobs = own.replace(/([\\/]models--[^\\/]+[\\/])snapshots[\\/][^]*$/, "$1blobs");
  if ([own, blobs].includes(folderOf(target))) return target;
  throw new Error(
    "a link must lead to a file in its own folder, or from a snapshot in the Hugging Face cache to " +
      "the blobs there, found one that leads elsewhere; copy the file if it belongs in the folder",
  );
}

/** The path behind all links; the path itself if it may not be read or leads nowhere. */
export function linkedPath(path: string): string {
  // Asking first keeps a program without --allow-read from being stopped by a prompt.
  if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return path;
  try {
    return Deno.realPathSync(path);
  } catch {
    return path;
  }
}

/** The folder of a canonical path. */
const folderOf = (path: string): string =>
  path.slice(0, path.lastIndexOf(Deno.build.os === "windows" ? "\\" : "/"));
