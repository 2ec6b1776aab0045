/** The header of a safetensors file: an index of names, dtypes, shapes and offsets. @module */

import {
  decodeText,
  duplicateKey,
  isRecord,
  isText,
  jsonTokens,
  parseJson,
} from "../../core/checks.ts";
import { oneLine, quote } from "../../core/errors.ts";
import {
  type FloatDtype,
  floatDtypes,
  floatTypes,
  isFloatDtype,
  isHalf,
} from "../../core/float_types.ts";
import { mostAxes, mostHeaderBytes, mostNameLength, mostTensors } from "../../core/limits.ts";
import {
  formatShape,
  type HostData,
  type HostTensor,
  positionIn,
  type Shape,
} from "../../core/tensor.ts";

/** A dtype of the safetensors format. */
export type Dtype =
  | "BOOL"
  | "U8"
  | "I8"
  | "U16"
  | "I16"
  | "F16"
  | "BF16"
  | "U32"
  | "I32"
  | "F32"
  | "U64"
  | "I64"
  | "F64"
  | "C64"
  | "F8_E4M3"
  | "F8_E5M2"
  | "F8_E8M0"
  | "F6_E2M3"
  | "F6_E3M2"
  | "F4";

/** Bits of one element. */
const BITS: Readonly<Record<Dtype, number>> = {
  BOOL: 8,
  U8: 8,
  I8: 8,
  U16: 16,
  I16: 16,
  F16: 16,
  BF16: 16,
  U32: 32,
  I32: 32,
  F32: 32,
  U64: 64,
  I64: 64,
  F64: 64,
  C64: 64,
  F8_E4M3: 8,
  F8_E5M2: 8,
  F8_E8M0: 8,
  F6_E2M3: 6,
  F6_E3M2: 6,
  F4: 4,
};

/**
 * Throws unless floats can be stored as this dtype.
 *
 * @throws {RangeError} when they cannot.
 */
export function assertFloatDtype(dtype: unknown): void {
  if (isFloatDtype(dtype)) return;
  throw new RangeError(`dtype must be one of ${floatDtypes.join(", ")}, found ${quote(dtype)}`);
}

/** The dtype in which values can be stored as they are in a file: that of all its tensors, or else F32. */
export function floatDtypeOf(tensors: Iterable<{ readonly dtype: Dtype }>): FloatDtype {
  const [dtype, ...others] = new Set(Array.from(tensors, ({ dtype }) => dtype));
  return others.length === 0 && isFloatDtype(dtype) ? dtype : "F32";
}

/** The dtypes whose values are real numbers that can be read as F32. */
export const realDtypes: readonly Dtype[] = [...floatDtypes, "F64"];

type Bytes = Uint8Array<ArrayBuffer>;

/** True if the format has this dtype. */
function isDtype(name: unknown): name is Dtype {
  return typeof name === "string" && Object.hasOwn(BITS, name);
}

/** Bits of one element. */
export function bitsOf(dtype: Dtype): number {
  return BITS[dtype];
}

/**
 * Converts little-endian bytes to numbers: floats to F32, integers to 32-bit integers. `bytes` must be
 * aligned for the dtype; for F32, I32 and U32 the result is a view, not a copy.
 *
 * @throws {RangeError} when a 64-bit integer does not fit into 32 bits.
 * @throws {TypeError} when the dtype has no conversion (C64, and floats of fewer than 16 bits).
 */
export function decode(dtype: Dtype, bytes: Bytes): HostData {
  if (isFloatDtype(dtype)) return floatTypes[dtype].widen(bytes);
  const decoder = DECODERS[dtype];
  if (!decoder) {
    throw new TypeError(`values of type ${dtype} cannot be read as F32 or 32-bit integers`);
  }
  return decoder(bytes);
}

/** The same with 16-bit floats widened into memory that is there already. */
export function decodeInto(
  dtype: Dtype,
  bytes: Bytes,
  memory: Float32Array<ArrayBuffer>,
): HostData {
  return isFloatDtype(dtype) ? floatTypes[dtype].widen(bytes, memory) : decode(dtype, bytes);
}

/** The bits of 16-bit floats as they are; other values as {@link decode} returns them. */
export function storedBits(dtype: Dtype, bytes: Bytes): HostData {
  return isHalf(dtype) ? view(Uint16Array, bytes) : decode(dtype, bytes);
}

/** The position of the first NaN or infinity, whose exponent has all bits set; -1 if there is none. */
export function nonFiniteBitsAt(bits: Uint16Array, dtype: FloatDtype): number {
  const { exponent } = floatTypes[dtype];
  for (let i = 0; i < bits.length; i++) if ((bits[i] & exponent) === exponent) return i;
  return -1;
}

/** A constructor of typed arrays, as far as {@link view} needs it. */
type ViewOf<T> = new (buffer: ArrayBuffer, offset: number, length: number) => T;

function view<T>(type: ViewOf<T> & { BYTES_PER_ELEMENT: number }, bytes: Bytes): T {
  return new type(bytes.buffer, bytes.byteOffset, bytes.byteLength / type.BYTES_PER_ELEMENT);
}

const DECODERS: Partial<Record<Dtype, (bytes: Bytes) => HostData>> = {
  F64: (bytes) => new Float32Array(view(Float64Array, bytes)),
  I32: (bytes) => view(Int32Array, bytes),
  U32: (bytes) => view(Uint32Array, bytes),
  I16: (bytes) => new Int32Array(view(Int16Array, bytes)),
  U16: (bytes) => new Uint32Array(view(Uint16Array, bytes)),
  I8: (bytes) => new Int32Array(view(Int8Array, bytes)),
  U8: (bytes) => new Uint32Array(bytes),
  BOOL: (bytes) => new Uint32Array(bytes),
  I64: (bytes) => narrow(view(BigInt64Array, bytes), new Int32Array(bytes.length / 8)),
  U64: (bytes) => narrow(view(BigUint64Array, bytes), new Uint32Array(bytes.length / 8)),
};

/** Copies 64-bit integers into an array of 32-bit ones. */
function narrow<T extends Int32Array | Uint32Array>(
  from: BigInt64Array | BigUint64Array,
  to: T,
): T {
  for (let index = 0; index < from.length; index++) {
    to[index] = Number(from[index]);
    if (BigInt(to[index]) !== from[index]) {
      throw new RangeError(`a 64-bit integer must fit into 32 bits, found ${from[index]}`);
    }
  }
  return to;
}

/** The dtype that values are stored as: integers and F16 bits unchanged, floats as `float`. */
export function storedDtype(data: HostData, float: FloatDtype): "I32" | "U32" | FloatDtype {
  if (data instanceof Int32Array) return "I32";
  if (data instanceof Uint16Array) return "F16";
  return data instanceof Uint32Array ? "U32" : float;
}

/** Converts numbers to little-endian bytes; the result is a view, not a copy, if nothing changes. */
export function encode(data: HostData, float: FloatDtype): Uint8Array {
  const stored = toStored(data, float);
  return new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
}

function toStored(data: HostData, float: FloatDtype): ArrayBufferView {
  if (data instanceof Int32Array || data instanceof Uint32Array) return data;
  return data instanceof Uint16Array ? data : floatTypes[float].round(data);
}

/** Numbers as a file holds them: floats rounded to a dtype; the same memory if it holds them as they are. */
export function roundedTo(data: HostData, float: FloatDtype): HostData {
  if (float === "F32" && !(data instanceof Float64Array)) return data;
  return decode(storedDtype(data, float), encode(data, float) as Bytes);
}

/** A JSON object. */
export type Json = Readonly<Record<string, unknown>>;

/** True for a list of integers of at least 0. */
export const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);

/**
 * Checks a number against a limit.
 *
 * @param subject The thing that is limited, as an error names it.
 * @throws {SyntaxError} when it is larger.
 */
export function assertAtMost(subject: string, most: number, found: number, what: string): void {
  if (found <= most) return;
  throw new SyntaxError(`${subject} may have at most ${most} ${what}, found ${found}`);
}

/** The first number of a valid JSON text that is not written in digits alone, such as `-0` or `2e1`. */
function oddNumber(text: string): string | undefined {
  for (const { token } of jsonTokens(text, /"|-?\d[\d.eE+-]*/)) {
    if (!token.startsWith('"') && !/^\d+$/.test(token)) return token;
  }
}

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

/**
 * Throws when a float is NaN, infinite, or rounded to infinity in the dtype.
 *
 * @param action Action that fails then, for the message.
 * @param first Number of the tensor's values that precede the data.
 * @throws {RangeError} when it is.
 */
export function assertStoredFinite(
  action: string,
  name: string,
  { shape, data }: HostTensor,
  dtype: Dtype,
  first = 0,
): void {
  const infinite = isFloatDtype(dtype) ? floatTypes[dtype].infinite : undefined;
  const at = data instanceof Uint16Array
    ? nonFiniteBitsAt(data, "F16")
    : tooLargeAt(data, infinite);
  if (at < 0) return;
  const found = data instanceof Uint16Array ? "bits of one that is not" : data[at];
  const limit = Number.isFinite(found) ? ` (|x| must be below ${infinite})` : "";
  const place = positionIn(shape, first + at).join(", ");
  throw new RangeError(
    `${action}: the values of "${name}" must be finite in ${dtype}, found ${found} at [${place}]${limit}`,
  );
}

/** The position of the first value whose magnitude is not below a limit; -1 if there is none. */
function tooLargeAt(data: ArrayLike<number>, limit?: number): number {
  if (limit === undefined) return -1;
  for (let i = 0; i < data.length; i++) if (!(Math.abs(data[i]) < limit)) return i;
  return -1;
}

/** A tensor whose bytes are made piece by piece as they are written, and not looked at. */
export interface EncodedTensor {
  /** Its extents. */
  readonly shape: Shape;
  /** Its dtype in the file. */
  readonly dtype: Dtype;
  /** All of its bytes. */
  pieces(): AsyncIterable<Uint8Array>;
}
