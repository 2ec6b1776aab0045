/** The header of a GGUF file: its metadata, and the type, shape and place of each tensor. @module */

import {
  mostAlignment,
  mostGgufAxes,
  mostHeaderBytes,
  mostNameLength,
  mostTensors,
} from "../limits.ts";
import type { OpenFile } from "../open_file.ts";
import { quote } from "../quote.ts";
import { formatShape, isCount, type Shape } from "../shape.ts";
import { broken, Cursor, HeaderGoesOn } from "./cursor.ts";
import { type GgufType, ggufTypes, typeNamed } from "./types.ts";
import { type GgufValue, readValue, shown } from "./values.ts";

/** A tensor of a GGUF file. */
export interface GgufTensor {
  /** How its values are stored. */
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
  /** What is said about the model and its tokenizer. */
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
  /** From the first byte behind the header. */
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

/** How tensors are aligned if nothing says so. */
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
