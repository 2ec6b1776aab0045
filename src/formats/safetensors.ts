/** Reads safetensors files, one tensor at a time. @module */

import { type HostTensor, nonFiniteAt } from "../core/host_tensor.ts";
import { mostTensorBytes } from "../core/limits.ts";
import type { OptionNames } from "../core/options.ts";
import { quote } from "../core/quote.ts";
import { formatShape, positionIn } from "../core/shape.ts";
import { fileName, type FileSource, type OpenFile, openFile } from "../core/storage.ts";
import { decode } from "./dtype.ts";
import { headerBytes, parseHeader, type SafetensorsHeader, type TensorEntry } from "./header.ts";

/** An open safetensors file, or the files of a sharded model as one. */
export interface SafetensorsFile extends Disposable {
  /** Dtype, shape and place of every tensor by name; offsets count from its own file's start. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** The file's `__metadata__`. */
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * Reads one tensor: floats as F32, integers as 32-bit integers.
   *
   * @throws {RangeError} when the file has no such tensor, a value is NaN, infinite or beyond F32 and
   * not allowed, or an integer needs more than 32 bits.
   * @throws {TypeError} when the dtype has no conversion (C64, F8 and smaller floats).
   */
  read(name: string): Promise<HostTensor>;
  /**
   * Reads some bytes of one tensor as the file holds them, whatever its dtype.
   *
   * @param start Offset from the tensor's first byte.
   * @throws {RangeError} when the file has no such tensor.
   */
  readBytes(name: string, start: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Closes the file. */
  [Symbol.dispose](): void;
}

/** How values are read. */
export interface ReadOptions {
  /** Lets NaN and infinite values pass. Default: they are refused by name. */
  readonly allowNonFinite?: boolean;
}

/** The names of {@link ReadOptions}. */
export const readNames: OptionNames<ReadOptions> = { allowNonFinite: true };

/** The content of a safetensors file. */
export interface SafetensorsContent {
  /** Every tensor by name, in the order of the file. */
  readonly tensors: Map<string, HostTensor>;
  /** The file's `__metadata__`. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Opens one file and checks its header; {@link openSafetensors} also opens shards. */
export async function openSafetensorsFile(
  source: FileSource,
  options: ReadOptions = {},
): Promise<SafetensorsFile> {
  const file = await openFile(source), path = fileName(source);
  try {
    const { tensors, metadata } = await readHeader(file);
    const ofTensor = async <T>(name: string, act: (entry: TensorEntry) => Promise<T>) => {
      const entry = tensors.get(name);
      if (!entry) throw new RangeError(missing(path, name, tensors));
      return await act(entry).catch((error) => {
        throw inFile(`${quote(name)} of ${path}`, error);
      });
    };
    return {
      tensors,
      metadata,
      read: (name) => ofTensor(name, (entry) => readTensor(file, entry, options)),
      readBytes: (name, start, length) =>
        ofTensor(name, ({ offset }) => file.read(offset + start, length)),
      [Symbol.dispose]: () => file[Symbol.dispose](),
    };
  } catch (error) {
    file[Symbol.dispose]();
    throw inFile(path, error);
  }
}

/** Adds the file's name to an error's message and keeps its class. */
function inFile(path: string, error: unknown): Error {
  const reason = error as Error;
  reason.message = `cannot read ${path}: ${reason.message}`;
  return reason;
}

async function readHeader(file: OpenFile): Promise<SafetensorsHeader> {
  const length = headerBytes(await file.read(0, Math.min(8, file.bytes)), file.bytes);
  return parseHeader(await file.read(0, length), file.bytes);
}

async function readTensor(
  file: OpenFile,
  { dtype, shape, offset, bytes }: TensorEntry,
  { allowNonFinite = false }: ReadOptions,
): Promise<HostTensor> {
  if (bytes > mostTensorBytes) {
    throw new RangeError(`it may have at most ${mostTensorBytes} bytes, found ${bytes}`);
  }
  const stored = await file.read(offset, bytes), data = decode(dtype, stored);
  const at = allowNonFinite ? -1 : nonFiniteAt(data);
  if (at < 0) return { shape, data };
  // An F64 value beyond F32 would be named by what it became.
  const value = dtype === "F64" ? new Float64Array(stored.buffer, stored.byteOffset)[at] : data[at];
  const place = formatShape(positionIn(shape, at));
  throw new RangeError(`values must be finite in F32, found ${value} at ${place}`);
}

/** The message for a tensor that does not exist, with some that do. */
export function missing(path: string, name: string, tensors: ReadonlyMap<string, unknown>): string {
  const names = [...tensors.keys()];
  const some = names.slice(0, 5).join(", ") + (names.length > 5 ? ", …" : "");
  return `cannot read ${quote(name)} of ${path}: the file has ${names.length} tensors (${some})`;
}
