/**
 * The header of a GGUF file: its metadata, and the type, shape and place of each tensor. Every
 * length is checked before memory is taken.
 *
 * @module
 */

import { decodeText } from "../../core/checks.ts";
import { quote } from "../../core/errors.ts";
import {
  mostAlignment,
  mostGgufAxes,
  mostHeaderBytes,
  mostJsonBytes,
  mostNameLength,
  mostTensors,
} from "../../core/limits.ts";
import { formatShape, isCount, type Shape } from "../../core/tensor.ts";
import type { OpenFile } from "../open_file.ts";
import { type GgufType, ggufTypes } from "./types.ts";

// The header.

/** A tensor of a GGUF file. */
export interface GgufTensor {
  /** Storage type of its values. */
  readonly type: GgufType;
  /** Extents, outermost first; the file has them the other way round. */
  readonly shape: Shape;
  /** Offset of the first byte from the start of the file. */
  readonly offset: number;
  /** Number of bytes. */
  readonly bytes: number;
}

/** A parsed header. */
export interface GgufHeader {
  /** Facts about the model and its tokenizer. */
  readonly metadata: ReadonlyMap<string, GgufValue>;
  /** Every tensor by its name in the file, in the order of their bytes. */
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

/** Bytes that are read first; a header with a tokenizer of 49,152 tokens has 1.8 MB. */
const firstBytes = 2 ** 21;

/**
 * Reads the header of an open file, which does not say how long it is: twice as much of it is read until all is
 * there.
 *
 * @throws {SyntaxError} As {@link parseGguf}, and when the header has more than the 100 MB of safetensors' ones.
 */
export async function readGguf(file: OpenFile): Promise<GgufHeader> {
  const most = Math.min(file.bytes, mostHeaderBytes);
  for (let length = Math.min(firstBytes, most);; length = Math.min(2 * length, most)) {
    try {
      return parseGguf(await file.read(0, length), file.bytes);
    } catch (error) {
      if (!(error instanceof HeaderGoesOn)) throw error;
      if (length === most) broken(`the header may have at most ${mostHeaderBytes} bytes`);
    }
  }
}

/**
 * Parses a header of version 2 or 3.
 *
 * Everything is checked: counts and lengths are within the file, names are unique and texts UTF-8, types are known,
 * and the tensors fill the rest of the file without overlaps and without gaps but those of their alignment.
 *
 * @param start The beginning of the file.
 * @param fileBytes The size of the whole file.
 * @throws {SyntaxError} when a check fails.
 * @throws {HeaderGoesOn} when `start` ends before the header does.
 */
export function parseGguf(start: Uint8Array<ArrayBuffer>, fileBytes: number): GgufHeader {
  const cursor = new Cursor(start, fileBytes);
  if (fileBytes < 24) broken(`it must have at least 24 bytes, found ${fileBytes}`);
  const magic = String.fromCharCode(...start.subarray(0, 4)),
    version = (cursor.take(4), cursor.u32());
  if (magic !== "GGUF") broken(`it must begin with GGUF, found ${quote(magic)}`);
  if (version !== 2 && version !== 3) {
    broken(`its version must be 2 or 3 in little-endian order, found ${version}`);
  }
  const tensorCount = cursor.count("tensors", leastTensorBytes);
  if (tensorCount > mostTensors) {
    broken(`it may have at most ${mostTensors} tensors, found ${tensorCount}`);
  }
  const metadata = readMetadata(cursor, cursor.count("metadata", leastPairBytes));
  const places = Array.from({ length: tensorCount }, () => readPlace(cursor));
  return { metadata, tensors: placed(places, cursor, alignmentIn(metadata)) };
}

/** Bytes of a value's name, type and first byte; of a tensor's name, axes, type and offset. */
const leastPairBytes = 13, leastTensorBytes = 24;

function readMetadata(cursor: Cursor, count: number): Map<string, GgufValue> {
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < count; i++) {
    const key = readName(cursor, "a name of metadata");
    if (metadata.has(key)) broken(`names must be unique, found ${quote(key)} twice`);
    metadata.set(key, readValue(cursor, quote(key)));
  }
  return metadata;
}

const readName = (cursor: Cursor, what: string): string => cursor.text(what, mostNameLength);

/** A tensor as the header describes it. */
interface Place extends Omit<GgufTensor, "offset"> {
  readonly name: string;
  /** Offset from the first byte behind the header. */
  readonly start: bigint;
}

function readPlace(cursor: Cursor): Place {
  const name = readName(cursor, "a tensor's name"), axes = cursor.u32();
  if (axes > mostGgufAxes) {
    broken(`${quote(name)} may have at most ${mostGgufAxes} axes, found ${axes}`);
  }
  const extents = Array.from({ length: axes }, () => cursor.u64());
  const id = cursor.u32(), type = ggufTypes.get(id);
  if (!type) return broken(`${quote(name)} must be of type ${typeNamed(id)}`);
  return { name, type, ...sizeOf(name, extents, type), start: cursor.u64() };
}

/** Shape and bytes of a tensor, whose rows are whole blocks. */
function sizeOf(name: string, extents: readonly bigint[], type: GgufType) {
  const shape = extents.map(Number).reverse(), row = shape.at(-1) ?? 1;
  const values = shape.reduce((product, extent) => product * extent, 1);
  if (!isCount(8 * values) || !shape.every(isCount)) {
    broken(`${quote(name)} must have a safe number of values, found ${formatShape(shape)}`);
  }
  if (row % type.blockValues !== 0) {
    broken(
      `${
        quote(name)
      } in ${type.name} must have rows of whole blocks of ${type.blockValues} values, found ${row}`,
    );
  }
  return { shape, bytes: values / type.blockValues * type.blockBytes };
}

/** Alignment of tensors in a file that states none. */
const usualAlignment = 32;

function alignmentIn(metadata: ReadonlyMap<string, GgufValue>): number {
  const found = metadata.get("general.alignment") ?? usualAlignment;
  const isPower = typeof found === "number" && found >= 8 && Number.isInteger(Math.log2(found));
  if (isPower && found <= mostAlignment) return found;
  return broken(
    `general.alignment must be a power of two from 8 to ${mostAlignment}, found ${shown(found)}`,
  );
}

/** The tensors in the order of their bytes, which they share with nothing. */
function placed(
  places: readonly Place[],
  { at, fileBytes }: Cursor,
  alignment: number,
): Map<string, GgufTensor> {
  const aligned = (offset: number) => Math.ceil(offset / alignment) * alignment;
  const data = aligned(at), tensors = new Map<string, GgufTensor>();
  let end = at;
  for (const { name, start, ...rest } of places.toSorted(byStart)) {
    if (tensors.has(name)) broken(`names must be unique, found the tensor ${quote(name)} twice`);
    const offset = aligned(end);
    if (start !== BigInt(offset - data)) {
      broken(
        `${quote(name)} must begin at ${offset - data}, after the tensor before it, found ${start}`,
      );
    }
    end = offset + rest.bytes;
    if (end > fileBytes) {
      broken(
        `${quote(name)} must end within the file's ${fileBytes} bytes, found its end at ${end}`,
      );
    }
    tensors.set(name, { ...rest, offset });
  }
  if (fileBytes > aligned(end)) {
    broken(`the tensors must fill the file's ${fileBytes} bytes, found their end at ${end}`);
  }
  return tensors;
}

const byStart = (a: Place, b: Place): number =>
  a.start < b.start ? -1 : a.start > b.start ? 1 : a.bytes - b.bytes;

// Fields.

/** The first bytes of a file end before its header does: to be read again with more of them. */
class HeaderGoesOn extends Error {}

/** Throws the sentence for a rule that a GGUF file breaks. */
export function broken(rule: string): never {
  throw new SyntaxError(`not a GGUF file that can be read: ${rule}`);
}

/** A place in the first bytes of a file, which moves on with each field. */
class Cursor {
  /** The offset of the next byte. */
  at = 0;
  readonly #view: DataView;

  /**
   * Begins with the first byte.
   *
   * @param bytes The beginning of the file.
   * @param fileBytes The size of the whole file.
   */
  constructor(readonly bytes: Uint8Array<ArrayBuffer>, readonly fileBytes: number) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Number of bytes of the file that are left. */
  get left(): number {
    return this.fileBytes - this.at;
  }

  /**
   * Moves on by some bytes and gives the offset of the first.
   *
   * @throws {SyntaxError} when the file ends within them.
   * @throws {HeaderGoesOn} when only the bytes at hand do.
   */
  take(length: number): number {
    if (length > this.left) {
      broken(`the header must end within the file's ${this.fileBytes} bytes, found a field beyond`);
    }
    const start = this.at;
    if (start + length > this.bytes.length) throw new HeaderGoesOn();
    this.at += length;
    return start;
  }

  /** An unsigned integer of 32 bits. */
  u32(): number {
    return this.#view.getUint32(this.take(4), true);
  }

  /** An unsigned integer of 64 bits. */
  u64(): bigint {
    return this.#view.getBigUint64(this.take(8), true);
  }

  /** A number of things in the header, of which each takes some bytes: the file must hold as many. */
  count(what: string, leastBytes: number): number {
    const found = this.u64();
    if (found * BigInt(leastBytes) <= BigInt(this.left)) return Number(found);
    return broken(`the file must hold all of its ${what}, found a count of ${found}`);
  }

  /** A text with its length before it. */
  text(what: string, mostBytes: number): string {
    const length = this.count(`bytes of ${what}`, 1);
    if (length > mostBytes) broken(`${what} may have at most ${mostBytes} bytes, found ${length}`);
    const start = this.take(length);
    try {
      return decodeText(this.bytes.subarray(start, start + length));
    } catch {
      return broken(`${what} must be UTF-8, found other bytes at ${start}`);
    }
  }

  /** The bytes of `count` numbers, aligned as none of the file is. */
  numbers(count: number, bytesEach: number): ArrayBuffer {
    const start = this.take(count * bytesEach);
    return this.bytes.slice(start, start + count * bytesEach).buffer;
  }
}

// Types.

/** Some of the others, for messages. */
const others: Readonly<Record<number, string>> = {
  6: "Q5_0",
  7: "Q5_1",
  9: "Q8_1",
  10: "Q2_K",
  11: "Q3_K",
  12: "Q4_K",
  13: "Q5_K",
  14: "Q6_K",
  15: "Q8_K",
  20: "IQ4_NL",
  23: "IQ4_XS",
  24: "I8",
  26: "I32",
  28: "F64",
};

/** The end of a sentence about a type that cannot be read: the ones that can, and the one found. */
function typeNamed(id: number): string {
  const known = Array.from(ggufTypes.values(), ({ name }) => name).join(", ");
  return `${known}, found ${others[id] ?? id}`;
}

// Values of the metadata.

/** A value: numbers of 64 bits that no float64 holds exactly are BigInts. */
export type GgufValue = number | bigint | boolean | string | GgufList;

/** A list of values of one type; truth values are numbers in it. */
export type GgufList = readonly string[] | ArrayLike<number> | ArrayLike<bigint>;

/** A value that is no list, for JSON. */
export type PlainValue = number | boolean | string;

/** True for a value that is no list, and if it is a number an exact one. */
export const isPlain = (value: GgufValue | undefined): value is PlainValue =>
  typeof value !== "object" && typeof value !== "bigint" && value !== undefined;

/** A value in a message, where a list may have millions of items. */
export function shown(value: GgufValue | undefined): string {
  if (typeof value === "bigint") return String(value);
  return typeof value === "object" ? `a list of ${value.length}` : quote(value);
}

/** An array of numbers in memory. */
type Numbers = new (buffer: ArrayBuffer) => ArrayLike<number> | ArrayLike<bigint>;

/** Numbers by the ids of their types; those without one are of other kinds. */
const numbers: Readonly<Record<number, Numbers & { readonly BYTES_PER_ELEMENT: number }>> = {
  0: Uint8Array,
  1: Int8Array,
  2: Uint16Array,
  3: Int16Array,
  4: Uint32Array,
  5: Int32Array,
  6: Float32Array,
  7: Uint8Array, // truth values
  10: BigUint64Array,
  11: BigInt64Array,
  12: Float64Array,
};

const truth = 7, text = 8, list = 9;

/** Bytes of a text with no characters: its length. */
const leastTextBytes = 8;

/**
 * Reads the type of a value, and the value.
 *
 * @param key Its name, for errors.
 * @throws {SyntaxError} when the type is unknown, a list is one of lists, or the file ends within it.
 */
function readValue(cursor: Cursor, key: string): GgufValue {
  const type = cursor.u32();
  if (type === list) return readList(cursor, key);
  if (type === text) return cursor.text(key, mostJsonBytes);
  const value = readNumbers(cursor, key, type, 1)[0];
  if (type === truth) return value === 1;
  const isExact = typeof value === "bigint" && Number.isSafeInteger(Number(value));
  return isExact ? Number(value) : value;
}

function readList(cursor: Cursor, key: string): GgufList {
  const type = cursor.u32();
  if (type === list) broken(`${key} must be no list of lists`);
  const each = type === text ? leastTextBytes : numbers[type]?.BYTES_PER_ELEMENT ?? 1;
  const count = cursor.count(`values of ${key}`, each);
  if (type !== text) return readNumbers(cursor, key, type, count);
  const texts: string[] = [];
  for (let i = 0; i < count; i++) texts.push(cursor.text(`a text of ${key}`, mostJsonBytes));
  return texts;
}

function readNumbers(cursor: Cursor, key: string, type: number, count: number) {
  const Values = numbers[type];
  if (!Values) return broken(`${key} must have a known type, found ${type}`);
  const values = new Values(cursor.numbers(count, Values.BYTES_PER_ELEMENT));
  if (type === truth && !Array.prototype.every.call(values, (value) => value <= 1)) {
    broken(`${key} must be 0 for false or 1 for true`);
  }
  return values;
}
