/** Fields of a configuration, each checked as it is read. @module */

import { AdapterFileError } from "../core/errors.ts";
import { isRecord, isText } from "../core/json.ts";
import { oneLine, quote } from "../core/quote.ts";
import type { Json } from "./json.ts";

/** Throws an {@link AdapterFileError} that names a field, its rule and its value. */
export function refuse(what: string, rule: string, value: unknown): never {
  throw new AdapterFileError(`${oneLine(what)} must ${rule}, found ${quote(value)}`);
}

/** A number, if it is present: null is none, and PEFT cannot compute with it. */
export function number(
  json: Json,
  name: string,
  rule: string,
  check: (value: unknown) => value is number,
): number | undefined {
  if (json[name] === null) refuse(name, rule, null);
  return field(json, name, rule, check);
}

/** A field's value, if it is present and not null. */
export function field<T>(
  json: Json,
  name: string,
  rule: string,
  check: (value: unknown) => value is T,
): T | undefined {
  const value = Object.hasOwn(json, name) ? json[name] ?? undefined : undefined;
  return value === undefined || check(value) ? value : refuse(name, rule, value);
}

/** A field that is true or false, the default. */
export function flag(json: Json, name: string): boolean {
  return field(json, name, "be true or false", (value) => typeof value === "boolean") ?? false;
}

/** A list, also of one value that stands by itself. */
export function list<T>(value: T | readonly T[] | undefined): readonly T[] | undefined {
  return value === undefined || Array.isArray(value) ? value as readonly T[] : [value as T];
}

/** A finite number. */
export const isFinite = (value: unknown): value is number => Number.isFinite(value);

/** A whole number from 1. */
export const isRank = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) > 0;

/** A number in [0, 1). */
export const isShare = (value: unknown): value is number =>
  isFinite(value) && value >= 0 && value < 1;

/** A name, or a list of names. */
export const isNames = (value: unknown): value is string | string[] =>
  isText(value) || (Array.isArray(value) && value.every(isText));

/** A whole number, or a list of them. */
export const isIndices = (value: unknown): value is number | number[] =>
  [value].flat().every((item) => Number.isSafeInteger(item));

/** An object whose values pass a check. */
export const isMapOf =
  <T>(check: (value: unknown) => value is T) => (value: unknown): value is Record<string, T> =>
    isRecord(value) && Object.values(value).every(check);

/** Whether a value says nothing: null, false, or empty. */
export function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return isRecord(value) ? Object.keys(value).length === 0 : !value && value !== 0;
}
