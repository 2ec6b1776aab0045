/** The parts of one weight in 4 bits in a file. @module */

import { quote } from "../core/quote.ts";
import { formatShape, sizeOf } from "../core/shape.ts";
import { fourBitCodes } from "../quant/codes.ts";
import type { Dtype } from "./dtype.ts";
import type { TensorEntry } from "./header.ts";
import type { Json } from "./json.ts";
import { stateMark } from "./quantized_keys.ts";
import type { SafetensorsFile } from "./safetensors.ts";

/** Fields that only the state of doubly quantized scales has. */
export const nestedFields: readonly string[] = [
  "nested_blocksize",
  "nested_dtype",
  "nested_offset",
];

/** How far bitsandbytes lets the values of a code differ from its own. */
const mapTolerance = 1e-6;

/** The parts of one weight in a file, each checked as it is read. */
export class Parts {
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

  /** Whether a state or the file has anything of doubly quantized scales. */
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

  /** Whether the file has a part. */
  has(part: string): boolean {
    return this.#file.tensors.has(this.#name + part);
  }

  /** Where a part is. */
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

  /** Where a part is, once its dtype is known, and of how many elements, if `count` is given. */
  assertType(part: string, dtype: Dtype, count?: number): TensorEntry {
    const entry = this.entry(part), { dtype: found, shape } = entry;
    if (found === dtype && (count === undefined || sizeOf(shape) === count)) return entry;
    const rule = `${part} must be ${count === undefined ? "" : `${count} of `}${dtype}`;
    return this.refuse(rule, `${found} of shape ${formatShape(shape)}`);
  }
}
