/** Files of a ZIP archive, and decompression. @module */

import { quote } from "../core/errors.ts";
import { readBytes } from "./files.ts";
import { fileName, type FileSource } from "./storage.ts";

// ZIP archives.

/** Signatures at the start of an archive's parts. */
const endOfDirectory = 0x06054b50, directoryEntry = 0x02014b50, localEntry = 0x04034b50;

/** Bytes of the fixed fields of each part, and the most that a comment may have. */
const endBytes = 22, directoryBytes = 46, localBytes = 30, mostComment = 0xffff;

/** An entry of the central directory. */
interface Entry {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  readonly checksum: number;
  readonly packed: number;
  readonly size: number;
  readonly offset: number;
}

/**
 * Reads a file out of an archive on disk.
 *
 * @param most The most bytes that the file may have.
 * @throws {SyntaxError} when it is not an archive, or does not have the file as it says.
 * @throws {Error} when it cannot be read.
 */
export async function readZipped(
  archive: FileSource,
  name: string,
  most: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await readBytes(archive);
  return await unzip(bytes, name, most).catch((error) => {
    throw new SyntaxError(`cannot read ${fileName(archive)}: ${(error as Error).message}`);
  });
}

/**
 * Reads a file out of a ZIP archive: stored or deflated, neither encrypted nor larger than 4 GiB. Its
 * checksum is compared. Messages give the reason alone.
 *
 * @param most The most bytes that the file may have.
 * @throws {SyntaxError} when the bytes are not an archive, or the file is not as the archive says.
 * @throws {RangeError} when there is no such file, or it is larger than `most`.
 */
export async function unzip(
  archive: Uint8Array<ArrayBuffer>,
  name: string,
  most: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const view = new DataView(archive.buffer, archive.byteOffset, archive.byteLength);
  const entries = entriesOf(view), entry = entries.find((entry) => entry.name === name);
  if (!entry) {
    throw new RangeError(`it has no file ${quote(name)} among its ${entries.length}`);
  }
  if (entry.size > most) {
    throw new RangeError(`${name} must have at most ${most} bytes, found ${entry.size}`);
  }
  const packed = packedBytes(archive, view, entry);
  const bytes = entry.method === 0 ? packed : await decompress(packed, "deflate-raw", entry.size);
  if (bytes.length === entry.size && checksumOf(bytes) === entry.checksum) return bytes;
  throw new SyntaxError(`${name} is damaged: its size or its checksum is another one`);
}

function entriesOf(view: DataView<ArrayBuffer>): Entry[] {
  const end = findEnd(view), count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  return Array.from({ length: count }, () => {
    if (at + directoryBytes > end || view.getUint32(at, true) !== directoryEntry) throw broken();
    const nameLength = view.getUint16(at + 28, true);
    const next = at + directoryBytes + nameLength + view.getUint16(at + 30, true) +
      view.getUint16(at + 32, true);
    if (next > end) throw broken();
    const entry = entryAt(view, at, nameLength);
    at = next;
    return entry;
  });
}

function entryAt(view: DataView<ArrayBuffer>, at: number, nameLength: number): Entry {
  const start = view.byteOffset + at + directoryBytes;
  return {
    name: new TextDecoder().decode(new Uint8Array(view.buffer, start, nameLength)),
    flags: view.getUint16(at + 8, true),
    method: view.getUint16(at + 10, true),
    checksum: view.getUint32(at + 16, true),
    packed: view.getUint32(at + 20, true),
    size: view.getUint32(at + 24, true),
    offset: view.getUint32(at + 42, true),
  };
}

/** The end of the central directory, before a comment of any length. */
function findEnd(view: DataView<ArrayBuffer>): number {
  const last = view.byteLength - endBytes;
  for (let at = last; at >= Math.max(0, last - mostComment); at--) {
    if (view.getUint32(at, true) === endOfDirectory) return at;
  }
  throw new SyntaxError("it is not a ZIP archive");
}

const broken = () => new SyntaxError("it is a broken ZIP archive: its directory leads out of it");

function packedBytes(
  archive: Uint8Array<ArrayBuffer>,
  view: DataView<ArrayBuffer>,
  { name, flags, method, packed, offset }: Entry,
): Uint8Array<ArrayBuffer> {
  if (flags & 1 || (method !== 0 && method !== 8)) {
    throw new SyntaxError(`${name} must be stored or deflated, found method ${method}`);
  }
  if (offset + localBytes > view.byteLength || view.getUint32(offset, true) !== localEntry) {
    throw broken();
  }
  const start = offset + localBytes + view.getUint16(offset + 26, true) +
    view.getUint16(offset + 28, true);
  if (start + packed > archive.length) throw broken();
  return archive.subarray(start, start + packed);
}

/** The remainders of CRC-32 for each byte. */
const remainders = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) {
    remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
  }
  return remainder;
});

function checksumOf(bytes: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of bytes) sum = (sum >>> 8) ^ remainders[(sum ^ byte) & 0xff];
  return (sum ^ 0xffffffff) >>> 0;
}

// Compressed bytes.

/** Compression format of bytes. */
export type Compression = "gzip" | "deflate-raw";

/**
 * The bytes that others stand for, part by part, so that little memory is used.
 *
 * @throws {SyntaxError} when they are damaged, or stand for more than `most`.
 */
export async function* decompressed(
  packed: Uint8Array<ArrayBuffer>,
  kind: Compression,
  most: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let total = 0;
  try {
    for await (
      const part of new Blob([packed]).stream().pipeThrough(new DecompressionStream(kind))
    ) {
      total += part.length;
      if (total > most) break;
      yield part;
    }
  } catch {
    throw new SyntaxError("its compressed data is damaged");
  }
  if (total > most) throw new SyntaxError(`its compressed data stands for more than ${most} bytes`);
}

/**
 * The same as a whole.
 *
 * @throws {SyntaxError} when they are damaged, or stand for more than `most`.
 */
async function decompress(
  packed: Uint8Array<ArrayBuffer>,
  kind: Compression,
  most: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts = await Array.fromAsync(decompressed(packed, kind, most));
  return await new Blob(parts).bytes();
}
