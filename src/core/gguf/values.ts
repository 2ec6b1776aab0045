/** The values of a GGUF file's metadata. @module */

import { mostJsonBytes } from "../limits.ts";
import { quote } from "../quote.ts";
import { broken, type Cursor } from "./cursor.ts";

/** A value: numbers of 64 bits that no float64 holds exactly are BigInts. */
export type GgufValue = number | bigint | boolean | string | GgufList;

/** A list of values of one type; truth values are numbers in it. */
export type GgufList = readonly string[] | ArrayLike<number> | ArrayLike<bigint>;

/** A value that is no list, for JSON. */
export type PlainValue = number | boolean | string;

/** Whether a value is no list, and a number that is exact. */
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
export function readValue(cursor: Cursor, key: string): GgufValue {
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
