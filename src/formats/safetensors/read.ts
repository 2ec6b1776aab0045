/** Reads safetensors files, one tensor at a time. @module */

import type { OptionNames } from "../../core/checks.ts";
import { quote } from "../../core/errors.ts";
import { mostTensorBytes } from "../../core/limits.ts";
import {
  formatShape,
  type HostData,
  type HostTensor,
  nonFiniteAt,
  positionIn,
  type Shape,
  sizeOf,
} from "../../core/tensor.ts";
import { cutRange } from "../../core/update.ts";
import type { OpenFile } from "../../storage/open_file.ts";
import { fileName, type FileSource, openFile } from "../../storage/storage.ts";
import type { FloatDtype } from "../../core/float_types.ts";
import {
  assertStoredFinite,
  bitsOf,
  decode,
  decodeInto,
  type Dtype,
  encode,
  type EncodedTensor,
  headerBytes,
  nonFiniteBitsAt,
  parseHeader,
  realDtypes,
  type SafetensorsHeader,
  storedBits,
  type TensorEntry,
} from "./header.ts";

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
   * Reads one tensor piece by piece, in order, so that a large one takes little memory: several whole rows of
   * its last axis, or a part of one, from an even element on. The next piece may overwrite the one before.
   *
   * @param asStored True if floats of 16 bits come as their bits, in a `Uint16Array`. Default false.
   * @throws {RangeError} As {@link SafetensorsFile.read}.
   * @throws {TypeError} As {@link SafetensorsFile.read}.
   */
  pieces(name: string, asStored?: boolean): AsyncIterable<TensorPiece>;
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

/** A contiguous part of a tensor. */
export interface TensorPiece {
  /** Its first element. */
  readonly start: number;
  /** Its values: floats as F32 or as bits, integers as 32-bit integers. */
  readonly data: HostData;
}

/** Options for reading values. */
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

/** Opens one file and checks its header; `openSafetensors` also opens shards. */
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
    let spare: PieceMemory | undefined;
    const pieces = async function* (name: string, asStored = false) {
      const entry = await ofTensor(name, (entry) => Promise.resolve(entry));
      const memory = spare ?? newPieceMemory();
      spare = undefined; // Two tensors that are read at the same time need memory of their own.
      for (const [start, count] of cutRows(entry)) {
        const place = { start, count, memory, asStored };
        yield await ofTensor(name, () => readPiece(file, entry, place, options));
      }
      spare = memory;
    };
    return {
      tensors,
      metadata,
      read: (name) => ofTensor(name, (entry) => readTensor(file, entry, options)),
      pieces,
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
export function inFile(path: string, error: unknown): Error {
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
  options: ReadOptions,
): Promise<HostTensor> {
  assertReadable(bytes);
  const stored = await file.read(offset, bytes), data = decode(dtype, stored);
  assertFinite(data, { dtype, shape, stored, start: 0 }, options);
  if (data.buffer !== stored.buffer) stored.buffer.transfer?.(0); // freed at once, where it can be
  return { shape, data };
}

/** Most values of a piece: 1 MiB in F32, little beside any model. */
const pieceValues = 2 ** 18;

/** Memory that the pieces of a file use in turn: for the bytes as they are stored, and for widened floats. */
interface PieceMemory {
  readonly stored: Uint8Array<ArrayBuffer>;
  readonly widened: Float32Array<ArrayBuffer>;
}

function newPieceMemory(): PieceMemory {
  return { stored: new Uint8Array(8 * pieceValues), widened: new Float32Array(pieceValues) };
}

/** First element and length of each piece. */
export function* cutRows(
  { shape, bytes }: Pick<TensorEntry, "shape" | "bytes">,
): Generator<[number, number]> {
  assertReadable(bytes);
  const size = sizeOf(shape), twoRows = 2 * (shape.at(-1) ?? 1);
  const length = twoRows > pieceValues ? pieceValues : Math.floor(pieceValues / twoRows) * twoRows;
  for (let start = 0; start < size; start += length) yield [start, Math.min(length, size - start)];
}

/** Range of a piece, and the memory that it is read into. */
interface PiecePlace {
  readonly start: number;
  readonly count: number;
  readonly memory: PieceMemory;
  readonly asStored: boolean;
}

async function readPiece(
  file: OpenFile,
  { dtype, shape, offset }: TensorEntry,
  { start, count, memory, asStored }: PiecePlace,
  options: ReadOptions,
): Promise<TensorPiece> {
  const bytes = bitsOf(dtype) / 8;
  const stored = await file.read(offset + start * bytes, count * bytes, memory.stored);
  const data = asStored ? storedBits(dtype, stored) : decodeInto(dtype, stored, memory.widened);
  assertFinite(data, { dtype, shape, stored, start }, options);
  return { start, data };
}

function assertReadable(bytes: number): void {
  if (bytes <= mostTensorBytes) return;
  throw new RangeError(`it may have at most ${mostTensorBytes} bytes, found ${bytes}`);
}

/** Stored bytes of a tensor, or of a piece of it, before they are decoded. */
interface Decoded {
  readonly dtype: Dtype;
  readonly shape: Shape;
  readonly stored: Uint8Array<ArrayBuffer>;
  readonly start: number;
}

function assertFinite(
  data: HostData,
  { dtype, shape, stored, start }: Decoded,
  { allowNonFinite = false }: ReadOptions,
): void {
  if (allowNonFinite) return;
  const at = data instanceof Uint16Array
    ? nonFiniteBitsAt(data, dtype as FloatDtype)
    : nonFiniteAt(data);
  if (at < 0) return;
  // An F64 value beyond F32 would be named by what it became.
  const values = dtype === "F64"
    ? new Float64Array(stored.buffer, stored.byteOffset)
    : decode(dtype, stored);
  const place = formatShape(positionIn(shape, start + at));
  throw new RangeError(`values must be finite in F32, found ${values[at]} at ${place}`);
}

/** The message for a tensor that does not exist, with some that do. */
export function missing(path: string, name: string, tensors: ReadonlyMap<string, unknown>): string {
  const names = [...tensors.keys()];
  const some = names.slice(0, 5).join(", ") + (names.length > 5 ? ", …" : "");
  return `cannot read ${quote(name)} of ${path}: the file has ${names.length} tensors (${some})`;
}

/** Values of a block; a row may be longer. */
const blockValues = 2 ** 18;

/** A tensor of a file, and the type in which it is to be stored. */
export interface SourceTensor {
  /** Action that fails if a value is not finite, for the message: `cannot merge`. */
  readonly action: string;
  /** The file. */
  readonly file: SafetensorsFile;
  /** Its name. */
  readonly key: string;
  /** The type to store it in; its own if it is not one of floats. */
  readonly dtype?: FloatDtype;
}

/** A tensor byte by byte, or in another type of floats; floats must be finite. */
export function copiedTensor(source: SourceTensor): EncodedTensor {
  const { dtype: own, shape } = source.file.tensors.get(source.key)!;
  const dtype = realDtypes.includes(own) ? source.dtype ?? own : own;
  const copy = async function* () {
    for await (const { bytes, values, first } of blocksOf(source)) {
      if (!values || dtype === own) yield bytes;
      else yield encodeBlock(source, values, dtype as FloatDtype, first);
    }
  };
  return { shape, dtype, pieces: copy };
}

/** The bytes of a block in another type; throws if a value is not finite in it. */
export function encodeBlock(
  { action, file, key }: SourceTensor,
  data: HostData,
  dtype: FloatDtype,
  first: number,
): Uint8Array<ArrayBuffer> {
  assertStoredFinite(action, key, { ...file.tensors.get(key)!, data }, dtype, first);
  return encode(data, dtype) as Uint8Array<ArrayBuffer>;
}

/** Whole rows of a tensor. */
export interface TensorBlock {
  /** As they are stored. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of floats: their values in F32, which are finite. */
  readonly values?: HostData;
  /** Number of values that precede them. */
  readonly first: number;
}

/** All rows of a tensor, in order. */
export async function* blocksOf({ action, file, key }: SourceTensor): AsyncGenerator<TensorBlock> {
  const { shape, dtype, bytes: all } = file.tensors.get(key)!, each = all / sizeOf(shape);
  for (const { first, length } of rowsOf(shape)) {
    const bytes = await file.readBytes(key, first * each, length * each);
    if (!realDtypes.includes(dtype)) yield { bytes, first };
    else yield { bytes, first, values: finite(action, key, shape, decode(dtype, bytes), first) };
  }
}

/** The rows of a tensor in memory, which are to take the place of a file's. */
export function* valueBlocks(
  { action, key }: Pick<SourceTensor, "action" | "key">,
  { shape, data }: HostTensor,
): Generator<Required<Omit<TensorBlock, "bytes">>> {
  for (const { first, length } of rowsOf(shape)) {
    const values = data.subarray(first, first + length);
    yield { first, values: finite(action, key, shape, values, first) };
  }
}

/** First value and length of each block. */
function* rowsOf(shape: Shape): Generator<{ first: number; length: number }> {
  const size = sizeOf(shape), width = shape.length < 2 ? 1 : size / shape[0];
  if (size === 0) return;
  const most = Math.max(1, Math.floor(blockValues / width));
  for (const { start, count } of cutRange(size / width, most)) {
    yield { first: start * width, length: count * width };
  }
}

function finite(
  action: string,
  key: string,
  shape: Shape,
  values: HostData,
  first: number,
): HostData {
  const at = nonFiniteAt(values);
  if (at < 0) return values;
  throw new RangeError(
    `${action} ${quote(key)}: values must be finite in F32, found ${values[at]} at ${
      formatShape(positionIn(shape, first + at))
    }`,
  );
}
