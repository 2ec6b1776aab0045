/** Weights in 4 bits in files, as bitsandbytes and transformers name and save them. @module */

import { isRecord, parseJson } from "../core/checks.ts";
import { quote } from "../core/errors.ts";
import { mostAxes, mostStateBytes } from "../core/limits.ts";
import { formatShape, sizeOf } from "../core/tensor.ts";
import {
  anyFourBitCode,
  assertQuantized,
  blockSizes,
  codeValues,
  dynamicMap,
  fourBitCodes,
  type FourBitForm,
  isFourBitCode,
  type QuantizedAbsmax,
  type QuantizedTensor,
  scalesPerBlock,
  unquantizedTypes,
} from "../quant/quantized_tensor.ts";
import {
  type Dtype,
  type EncodedTensor,
  isCounts,
  type Json,
  type TensorEntry,
} from "./safetensors/header.ts";
import type { SafetensorsFile } from "./safetensors/read.ts";

/** Part of a state's name before the name of the code. */
export const stateMark = ".quant_state.bitsandbytes__";

/** Suffixes that the names of scales and maps add to the name of their weight. */
const partEndings = [".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map"];

/** The name of the weight in 4 bits that a tensor belongs to by its own name; undefined for others. */
export function ownerOf(key: string): string | undefined {
  const state = key.lastIndexOf(stateMark);
  if (state >= 0) return key.slice(0, state);
  const ending = partEndings.find((part) => key.endsWith(part));
  return ending && key.slice(0, -ending.length);
}

/**
 * The tensors by which bitsandbytes and transformers load a weight: packed codes, scales, the values of the
 * codes, and the rest as JSON.
 *
 * @throws {RangeError} As {@link assertQuantized}.
 * @throws {ShapeError} As {@link assertQuantized}.
 */
export function quantizedEntries(
  name: string,
  tensor: QuantizedTensor,
): (readonly [string, EncodedTensor])[] {
  assertQuantized(name, tensor);
  const { packed, absmax, code } = tensor, isNested = !(absmax instanceof Float32Array);
  return [
    [name, encoded("U8", packed, [packed.length, 1])],
    [`${name}.absmax`, isNested ? encoded("U8", absmax.codes) : encoded("F32", absmax)],
    [`${name}.quant_map`, encoded("F32", codeValues(code))],
    ...isNested ? nestedEntries(name, absmax) : [],
    [`${name}${stateMark}${code}`, encoded("U8", stateBytes(tensor))],
  ];
}

const nestedEntries = (name: string, { nested, map }: QuantizedAbsmax) =>
  [
    [`${name}.nested_absmax`, encoded("F32", nested)],
    [`${name}.nested_quant_map`, encoded("F32", map)],
  ] as const;

function encoded(
  dtype: Dtype,
  data: Uint8Array | Float32Array,
  shape: readonly number[] = [data.length],
): EncodedTensor {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return {
    shape,
    dtype,
    pieces: async function* () {
      yield bytes;
    },
  };
}

/** The state as Python writes JSON. */
function stateBytes({ code, blockSize, type, shape, absmax }: QuantizedTensor): Uint8Array {
  const fields = {
    quant_type: code,
    blocksize: blockSize,
    dtype: type,
    shape,
    ...absmax instanceof Float32Array ? {} : {
      nested_blocksize: scalesPerBlock,
      nested_dtype: "float32",
      nested_offset: absmax.offset,
    },
  };
  const texts = Object.entries(fields).map(([name, value]) => `"${name}": ${textOf(value)}`);
  return new TextEncoder().encode(`{${texts.join(", ")}}`);
}

const textOf = (value: string | number | readonly number[]): string =>
  typeof value === "object" ? `[${value.join(", ")}]` : JSON.stringify(value);

/** Fields that only the state of doubly quantized scales has. */
const nestedFields: readonly string[] = [
  "nested_blocksize",
  "nested_dtype",
  "nested_offset",
];

/** Largest difference between a value of a bitsandbytes map and the value of the code. */
const mapTolerance = 1e-6;

/** The parts of one weight in a file, each checked as it is read. */
class Parts {
  readonly #file: SafetensorsFile;
  readonly #name: string;

  /** Those of the weight of this name. */
  constructor(file: SafetensorsFile, name: string) {
    this.#file = file;
    this.#name = name;
  }

  /** Throws a `SyntaxError` with the rule and what was found. */
  refuse(rule: string, found: string): never {
    throw new SyntaxError(`cannot read ${quote(this.#name)} in 4 bits: ${rule}, found ${found}`);
  }

  /** The parts that are states. All names are searched only where none is of a known code. */
  stateKeys(): string[] {
    const begin = this.#name + stateMark;
    const known = fourBitCodes.map((code) => stateMark + code).filter((part) => this.has(part));
    if (known.length > 0) return known;
    return [...this.#file.tensors.keys()].filter((key) => key.startsWith(begin))
      .map((key) => key.slice(this.#name.length));
  }

  /** True if a state or the file has a part of doubly quantized scales. */
  isNested(fields: Json): boolean {
    return nestedFields.some((field) => Object.hasOwn(fields, field)) ||
      [".nested_absmax", ".nested_quant_map"].some((part) => this.has(part));
  }

  /** A field whose value must be one of some. */
  oneOf<T>(fields: Json, field: string, allowed: readonly T[]): T {
    const value = fields[field] as T;
    if (allowed.includes(value)) return value;
    const rule = allowed.length > 1 ? "one of " : "";
    return this.refuse(`${field} must be ${rule}${allowed.join(", ")}`, quote(value));
  }

  /** True if the file has a part. */
  has(part: string): boolean {
    return this.#file.tensors.has(this.#name + part);
  }

  /** Entry of a part in the file's header. */
  entry(part: string): TensorEntry {
    const entry = this.#file.tensors.get(this.#name + part);
    return entry ?? this.refuse(`it needs ${quote(this.#name + part)}`, "none");
  }

  /** A part's bytes; `count` of its elements, if given. */
  async bytes(part: string, dtype: Dtype, count?: number): Promise<Uint8Array<ArrayBuffer>> {
    const { bytes } = this.assertType(part, dtype, count);
    return await this.#file.readBytes(this.#name + part, 0, bytes);
  }

  /** A part's values in F32. */
  async floats(part: string, count: number): Promise<Float32Array<ArrayBuffer>> {
    this.assertType(part, "F32", count);
    return (await this.#file.read(this.#name + part)).data as Float32Array<ArrayBuffer>;
  }

  /** Throws unless codes stand for the values that they should. */
  assertMap(part: string, values: Float32Array, expected: Float32Array): void {
    const at = expected.findIndex((value, i) => !(Math.abs(values[i] - value) <= mapTolerance));
    if (at < 0) return;
    this.refuse(
      `${part} must have ${expected[at]} at [${at}], as bitsandbytes has`,
      `${values[at]}`,
    );
  }

  /** Entry of a part, checked for its dtype and, if `count` is given, its number of elements. */
  assertType(part: string, dtype: Dtype, count?: number): TensorEntry {
    const entry = this.entry(part), { dtype: found, shape } = entry;
    if (found === dtype && (count === undefined || sizeOf(shape) === count)) return entry;
    const rule = `${part} must be ${count === undefined ? "" : `${count} of `}${dtype}`;
    return this.refuse(rule, `${found} of shape ${formatShape(shape)}`);
  }
}

/**
 * The names of a file's weights in 4 bits, each once: those with a quantization state.
 *
 * @example
 * ```ts
 * import { openSafetensors, quantizedNames, writeSafetensors } from "@lowrank/core/formats";
 * import { quantize } from "@lowrank/core/quant";
 *
 * const path = await Deno.makeTempFile({ suffix: ".safetensors" });
 * const weight = quantize({ shape: [2, 64], data: new Float32Array(128).fill(0.5) });
 * await writeSafetensors(path, [["fc.weight", weight]]);
 * {
 *   using file = await openSafetensors(path);
 *   console.log(quantizedNames(file.tensors)); // ["fc.weight"]
 * }
 * await Deno.remove(path);
 * ```
 */
export function quantizedNames(tensors: ReadonlyMap<string, TensorEntry>): string[] {
  const keys = [...tensors.keys()].filter((key) => key.includes(stateMark));
  return [...new Set(keys.map((key) => key.slice(0, key.lastIndexOf(stateMark))))];
}

/**
 * Reads a weight in NF4 or FP4 with its scales in F32 or, doubly quantized, in 8 bits.
 *
 * Everything is checked before it is read: the state's fields, the types and the sizes of all parts, and that
 * the codes stand for the values that bitsandbytes gives them. A packed weight may be stored as any type.
 *
 * @throws {SyntaxError} when the file does not hold such a weight, or a part of it is missing or wrong.
 * @throws {RangeError} when a scale is not finite.
 *
 * @example
 * ```ts
 * import { openSafetensors, readQuantized, writeSafetensors } from "@lowrank/core/formats";
 * import { dequantize, quantize } from "@lowrank/core/quant";
 *
 * const path = await Deno.makeTempFile({ suffix: ".safetensors" });
 * const weight = quantize({ shape: [2, 64], data: new Float32Array(128).fill(0.5) });
 * await writeSafetensors(path, [["fc.weight", weight]]);
 * {
 *   using file = await openSafetensors(path);
 *   console.log(dequantize(await readQuantized(file, "fc.weight")).data[0]); // 0.5
 * }
 * await Deno.remove(path);
 * ```
 */
export async function readQuantized(file: SafetensorsFile, name: string): Promise<QuantizedTensor> {
  const parts = new Parts(file, name), { offset, ...state } = await readState(parts);
  const { code } = state, weight = parts.entry(""), blocks = blocksOf(state);
  parts.assertMap(".quant_map", await parts.floats(".quant_map", 16), codeValues(code));
  const absmax = offset === undefined
    ? await parts.floats(".absmax", blocks)
    : { ...await nestedScales(parts, blocks), offset };
  const tensor = { ...state, packed: await parts.bytes("", weight.dtype), absmax };
  assertQuantized(name, tensor);
  return tensor;
}

async function nestedScales(parts: Parts, blocks: number) {
  const map = await parts.floats(".nested_quant_map", 256);
  parts.assertMap(".nested_quant_map", map, dynamicMap());
  const nested = await parts.floats(".nested_absmax", Math.ceil(blocks / scalesPerBlock));
  return { codes: await parts.bytes(".absmax", "U8", blocks), map, nested };
}

/**
 * Storage form of a weight in 4 bits, from its state alone, once the file is known to hold all that
 * such a weight needs.
 *
 * @throws {SyntaxError} As {@link readQuantized}.
 */
export async function readFourBitForm(file: SafetensorsFile, name: string): Promise<FourBitForm> {
  const { offset, type: _, ...form } = await readQuantizedState(file, name);
  return { ...form, doubleQuantization: offset !== undefined };
}

/** A state's fields. */
export interface QuantizedState
  extends Pick<QuantizedTensor, "shape" | "code" | "blockSize" | "type"> {
  /** Of doubly quantized scales. */
  readonly offset?: number;
}

/**
 * Reads how a weight in 4 bits is stored, without its values.
 *
 * @throws {SyntaxError} when its state is missing or wrong.
 */
export const readQuantizedState = (file: SafetensorsFile, name: string): Promise<QuantizedState> =>
  readState(new Parts(file, name));

const plainFields = ["quant_type", "blocksize", "dtype", "shape"];

/** A state whose weight and scales have the sizes that it says. */
async function readState(parts: Parts): Promise<QuantizedState> {
  const state = await readFields(parts), { shape, offset } = state, { bytes } = parts.entry("");
  const needed = Math.ceil(valuesOf(state) / 2), blocks = blocksOf(state);
  if (bytes !== needed) {
    parts.refuse(`${formatShape(shape)} in 4 bits needs ${needed} bytes`, String(bytes));
  }
  parts.assertType(".absmax", offset === undefined ? "F32" : "U8", blocks);
  if (offset !== undefined) {
    parts.assertType(".nested_absmax", "F32", Math.ceil(blocks / scalesPerBlock));
  }
  return state;
}

const valuesOf = ({ shape }: Pick<QuantizedState, "shape">): number =>
  shape.reduce((product, extent) => product * extent, 1);

const blocksOf = (state: Pick<QuantizedState, "shape" | "blockSize">): number =>
  Math.ceil(valuesOf(state) / state.blockSize);

async function readFields(parts: Parts): Promise<QuantizedState> {
  const [key, other] = parts.stateKeys();
  if (key === undefined) parts.refuse(`it needs a part ${stateMark}${anyFourBitCode}`, "none");
  if (other !== undefined) parts.refuse("it must have one state", `${key} and ${other}`);
  const { bytes } = parts.entry(key);
  if (bytes > mostStateBytes) {
    parts.refuse(`its state has at most ${mostStateBytes} bytes`, `${bytes}`);
  }
  const fields = parseFields(parts, await parts.bytes(key, "U8"));
  const known = [...plainFields, ...nestedFields];
  const unknown = Object.keys(fields).find((field) => !known.includes(field));
  if (unknown !== undefined) parts.refuse(`its state has ${known.join(", ")}`, quote(unknown));
  const code = key.slice(stateMark.length);
  if (!isFourBitCode(code)) return parts.refuse(`its code must be ${anyFourBitCode}`, quote(code));
  parts.oneOf(fields, "quant_type", [code]);
  const { shape } = fields;
  if (!isCounts(shape) || shape.length > mostAxes) {
    return parts.refuse("shape must be whole numbers from 0", quote(shape));
  }
  return {
    shape,
    code,
    blockSize: parts.oneOf(fields, "blocksize", blockSizes),
    type: parts.oneOf(fields, "dtype", unquantizedTypes),
    ...parts.isNested(fields) && { offset: offsetOf(parts, fields) },
  };
}

function parseFields(parts: Parts, bytes: Uint8Array): Json {
  try {
    const value = parseJson(bytes);
    if (isRecord(value)) return value;
  } catch (error) {
    return parts.refuse(
      "its state must be JSON",
      `bytes that are not (${(error as Error).message})`,
    );
  }
  return parts.refuse("its state must be a JSON object", "another value");
}

function offsetOf(parts: Parts, fields: Json): number {
  parts.oneOf(fields, "nested_blocksize", [scalesPerBlock]);
  parts.oneOf(fields, "nested_dtype", ["float32"]);
  const { nested_offset: offset } = fields;
  if (typeof offset === "number" && Number.isFinite(Math.fround(offset))) {
    return Math.fround(offset);
  }
  return parts.refuse("nested_offset must be finite in F32", quote(offset));
}
