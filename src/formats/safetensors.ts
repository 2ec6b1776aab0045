/** Reads safetensors files, one tensor at a time. @module */

import { readReason } from "../core/files.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import { decode } from "./dtype.ts";
import { headerBytes, parseHeader, type TensorEntry } from "./header.ts";

/** An open safetensors file, or the files of a sharded model as one. */
export interface SafetensorsFile extends Disposable {
  /** Type, shape and place of every tensor by name; offsets count from its own file's start. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** The file's `__metadata__`. */
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * Reads one tensor: floats as F32, integers as 32-bit integers.
   *
   * @throws {RangeError} Where the file has no such tensor or an integer needs more than 32 bits.
   * @throws {TypeError} Where the element type has no conversion (C64, F8 and smaller floats).
   */
  read(name: string): Promise<HostTensor>;
  /** Closes the file. */
  [Symbol.dispose](): void;
}

/** The content of a safetensors file. */
export interface SafetensorsContent {
  /** Every tensor by name, in the order of the file. */
  readonly tensors: Map<string, HostTensor>;
  /** The file's `__metadata__`. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Opens one file, whose header is read and checked; {@link openSafetensors} knows shards too. */
export async function openSafetensorsFile(path: string): Promise<SafetensorsFile> {
  const file = await Deno.open(path).catch((error) => {
    throw new Error(`cannot read ${path}: ${readReason(error)}`, { cause: error });
  });
  try {
    const { tensors, metadata } = readHeader(file);
    const read = (name: string) => Promise.try(readTensor, file, path, tensors, name);
    return { tensors, metadata, read, [Symbol.dispose]: () => file.close() };
  } catch (error) {
    file.close();
    throw inFile(path, error);
  }
}

/** Adds the file's name to an error's sentence and keeps its class. */
function inFile(path: string, error: unknown): Error {
  const reason = error as Error;
  reason.message = `cannot read ${path}: ${reason.message}`;
  return reason;
}

function readHeader(file: Deno.FsFile): ReturnType<typeof parseHeader> {
  const { size } = file.statSync();
  const length = headerBytes(readAt(file, 0, Math.min(8, size)), size);
  return parseHeader(readAt(file, 0, length), size);
}

function readTensor(
  file: Deno.FsFile,
  path: string,
  tensors: ReadonlyMap<string, TensorEntry>,
  name: string,
): HostTensor {
  const entry = tensors.get(name);
  if (!entry) throw new RangeError(missing(path, name, tensors));
  try {
    const data = decode(entry.dtype, readAt(file, entry.offset, entry.bytes));
    return { shape: entry.shape, data };
  } catch (error) {
    throw inFile(`"${name}" of ${path}`, error);
  }
}

/** The sentence for a tensor that does not exist, with some that do. */
export function missing(path: string, name: string, tensors: ReadonlyMap<string, unknown>): string {
  const names = [...tensors.keys()];
  const some = names.slice(0, 5).join(", ") + (names.length > 5 ? ", …" : "");
  return `cannot read "${name}" of ${path}: the file has ${names.length} tensors (${some})`;
}

/**
 * Reads bytes at an offset. Seeking and reading are synchronous so that two reads that run at the
 * same time cannot move each other's place in the file.
 */
function readAt(file: Deno.FsFile, offset: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  file.seekSync(offset, Deno.SeekMode.Start);
  for (let filled = 0; filled < length;) {
    const count = file.readSync(bytes.subarray(filled));
    if (count === null) throw new SyntaxError(`the file ends ${length - filled} bytes too early`);
    filled += count;
  }
  return bytes;
}
