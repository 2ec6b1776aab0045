/** The header of a safetensors file: an index of names, dtypes, shapes and offsets. @module */

import { decodeText, duplicateKey, isRecord, isText, parseJson } from "../core/json.ts";
import { mostAxes, mostHeaderBytes, mostNameLength, mostTensors } from "../core/limits.ts";
import { oneLine, quote } from "../core/quote.ts";
import { formatShape, type Shape } from "../core/shape.ts";
import { bitsOf, type Dtype, isDtype } from "./dtype.ts";
import { assertAtMost, isCounts, type Json, oddNumber } from "./json.ts";

/** Dtype, shape and place of one tensor of a file. */
export interface TensorEntry {
  /** Dtype in the file. */
  readonly dtype: Dtype;
  /** Extents, outermost first. */
  readonly shape: Shape;
  /** Offset of the first byte from the start of the file. */
  readonly offset: number;
  /** Number of bytes. */
  readonly bytes: number;
}

/** A parsed header: enough to count parameters and bytes without reading the values. */
export interface SafetensorsHeader {
  /** Every tensor, in the order of its bytes in the file. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** The file's `__metadata__`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Offset of the first byte after the header. */
  readonly dataOffset: number;
}

const REFUSAL = "not a safetensors file:";

const broken = (rule: string): never => {
  throw new SyntaxError(`${REFUSAL} ${rule}`);
};

const atMost = (most: number, found: number, what: string) =>
  assertAtMost(`${REFUSAL} it`, most, found, what);

/**
 * The number of leading bytes that {@link parseHeader} needs, from the first 8 bytes of a file.
 *
 * @throws {SyntaxError} when the length is beyond the end of the file or the format's 100 MB.
 */
export function headerBytes(start: Uint8Array, fileBytes: number): number {
  if (start.length < 8 || fileBytes < 8) {
    broken(`it must have at least 8 bytes, found ${Math.min(start.length, fileBytes)}`);
  }
  const length = new DataView(start.buffer, start.byteOffset).getBigUint64(0, true);
  if (length > BigInt(fileBytes - 8)) {
    broken(`the header must end within the file's ${fileBytes} bytes, found a length of ${length}`);
  }
  assertAtMost(`${REFUSAL} the header`, mostHeaderBytes, Number(length), "bytes");
  return 8 + Number(length);
}

/**
 * Reads a header from the first bytes of a file, which may come from an HTTP range request.
 *
 * Everything is checked: the header is within the file, names are unique, dtypes are known, each
 * tensor's byte count fits its shape, and the tensors fill the rest of the file without gaps or
 * overlaps.
 *
 * @param start At least the first {@link headerBytes} bytes of the file.
 * @param fileBytes The size of the whole file.
 * @throws {SyntaxError} when a check fails.
 * @throws {RangeError} when `start` ends before the header does.
 *
 * @example
 * ```ts
 * import { parseHeader, writeSafetensors } from "@lowrank/core/formats";
 *
 * const folder = await Deno.makeTempDir();
 * const path = `${folder}/model.safetensors`;
 * await writeSafetensors(path, [["w", { shape: [2, 3], data: new Float32Array(6) }]]);
 * const bytes = await Deno.readFile(path);
 * const { tensors } = parseHeader(bytes.subarray(0, 200), bytes.length);
 * console.log(tensors.get("w")?.shape); // [2, 3]
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export function parseHeader(start: Uint8Array, fileBytes: number): SafetensorsHeader {
  const dataOffset = headerBytes(start, fileBytes);
  if (start.length < dataOffset) {
    throw new RangeError(
      `the header needs the file's first ${dataOffset} bytes, found ${start.length}`,
    );
  }
  const fields = parseFields(start.subarray(8, dataOffset));
  const entries = Object.entries(fields).filter(([name]) => name !== METADATA)
    .map(([name, value]): [string, TensorEntry] => [name, tensorEntry(name, value, dataOffset)])
    .sort(([, a], [, b]) => a.offset - b.offset || a.bytes - b.bytes);
  checkContiguous(entries, dataOffset, fileBytes);
  checkDigits(start.subarray(8, dataOffset));
  return { tensors: new Map(entries), metadata: checkMetadata(fields[METADATA]), dataOffset };
}

const METADATA = "__metadata__";

function parseFields(bytes: Uint8Array): Json {
  const fields = parseObject(bytes), names = Object.keys(fields);
  atMost(mostTensors, names.length, "tensors");
  const twice = duplicateKey(decodeText(bytes));
  return twice === undefined ? fields : broken(`names must be unique, found ${quote(twice)} twice`);
}

function parseObject(bytes: Uint8Array): Json {
  let value: unknown;
  try {
    value = parseJson(bytes);
  } catch (error) {
    return broken(`the header must be JSON (${(error as Error).message})`);
  }
  return isRecord(value) ? value : broken("the header must be a JSON object");
}

function tensorEntry(name: string, value: unknown, dataOffset: number): TensorEntry {
  const { dtype, shape, data_offsets: offsets, ...rest } = isRecord(value) ? value : {} as Json;
  if (!isDtype(dtype)) {
    return broken(`${quote(name)} must have a known dtype, found ${quote(dtype)}`);
  }
  if (!isCounts(shape)) return broken(`${quote(name)} must have a shape, found ${quote(shape)}`);
  atMost(mostNameLength, name.length, "characters in a name");
  atMost(mostAxes, shape.length, "axes of a tensor");
  if (!isCounts(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    return broken(`${quote(name)} must have two ascending data_offsets, found ${quote(offsets)}`);
  }
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) broken(`${quote(name)} must have no field ${quote(unknown)}`);
  const bytes = bytesOf(dtype, shape);
  if (bytes !== offsets[1] - offsets[0]) {
    const what = `${quote(name)}, ${dtype} of shape ${formatShape(shape)},`;
    broken(`${what} must have ${bytes ?? "a safe number of"} bytes, found ${quote(offsets)}`);
  }
  return { dtype, shape, offset: dataOffset + offsets[0], bytes: offsets[1] - offsets[0] };
}

/** `1e3` and `-0` are whole numbers too, but no other reader of the format takes them. */
function checkDigits(bytes: Uint8Array): void {
  const odd = oddNumber(decodeText(bytes));
  if (odd !== undefined) broken(`numbers must be written in digits alone, found ${oneLine(odd)}`);
}

/** Bytes of a tensor; undefined if it is not a whole number of bytes or not a safe integer. */
function bytesOf(dtype: Dtype, shape: Shape): number | undefined {
  let bits = bitsOf(dtype);
  for (const extent of shape) {
    bits *= extent;
    if (!Number.isSafeInteger(bits)) return undefined;
  }
  return bits % 8 === 0 ? bits / 8 : undefined;
}

/** Tensors in the order of their offsets must fill the file from the end of the header. */
function checkContiguous(
  entries: [string, TensorEntry][],
  dataOffset: number,
  fileBytes: number,
): void {
  let end = dataOffset;
  for (const [name, { offset, bytes }] of entries) {
    if (offset !== end) {
      const found = `found ${offset - dataOffset} after ${end - dataOffset}`;
      broken(`${quote(name)} must begin where the tensor before it ends, ${found}`);
    }
    end += bytes;
  }
  if (end !== fileBytes) {
    const advice = end > fileBytes ? ": the file is cut off, so copy or download it again" : "";
    broken(
      `the tensors must end at the file's ${fileBytes} bytes, found an end at ${end}${advice}`,
    );
  }
}

function checkMetadata(value: unknown): Readonly<Record<string, string>> {
  if (value === undefined || value === null) return {};
  if (isRecord(value) && Object.values(value).every(isText)) return value as Record<string, string>;
  return broken(`__metadata__ must map names to text, found ${quote(value)}`);
}
