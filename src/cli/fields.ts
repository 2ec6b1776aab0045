/** Checks of hand-written JSON objects. @module */

import { isRecord, isText } from "../core/json.ts";
import { nearestName } from "../core/nearest_name.ts";
import { oneLine, quote } from "../core/quote.ts";
import type { Fields } from "./cases.ts";

/** What a field must be, in words and as a predicate. */
export interface Rule {
  /** Completes the sentence "… must be". */
  readonly words: string;
  /** True if a value is allowed. */
  readonly holds: (value: unknown) => boolean;
  /** True for an alias, which error messages do not list. */
  readonly isAlias?: true;
}

const isList = (value: unknown): boolean => Array.isArray(value) && value.every(isText);

/** Any finite number. */
export const number: Rule = { words: "a number", holds: Number.isFinite };

/** A whole number, 0 or more. */
export const count: Rule = {
  words: "a whole number, 0 or more",
  holds: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
};

/** A whole number of at least 1. */
export const positive: Rule = {
  words: "a whole number of at least 1",
  holds: (value) => count.holds(value) && value !== 0,
};

/** Two numbers. */
export const pair: Rule = {
  words: "a list of two numbers",
  holds: (value) => Array.isArray(value) && value.length === 2 && value.every(Number.isFinite),
};

/** True or false. */
export const flag: Rule = {
  words: "true or false",
  holds: (value) => typeof value === "boolean",
};

/** A string (a pattern) or a list of strings. */
export const names: Rule = {
  words: 'a list such as ["c_attn"], a pattern or "all-linear"',
  holds: (value) => isText(value) || isList(value),
};

/** Sites: a list, or all of them. */
export const siteNames: Rule = {
  words: 'a list such as ["o", "down"] or "all"',
  holds: (value) => value === "all" || isList(value),
};

/** Modules. */
export const moduleNames: Rule = { words: 'a list such as ["lm_head"]', holds: isList };

const areCounts = (value: unknown): boolean => Array.isArray(value) && value.every(count.holds);

/** Whole numbers. */
export const counts: Rule = { words: "a list of whole numbers such as [0, 1]", holds: areCounts };

/** Tokens, of one embedding or by embeddings. */
export const tokens: Rule = {
  words: 'token numbers such as [3, 7], or lists of them by embedding such as {"wte": [3, 7]}',
  holds: (value) => areCounts(value) || isRecord(value) && Object.values(value).every(areCounts),
};

/** Numbers by name. */
export const numbersByName: Rule = {
  words: "an object of numbers",
  holds: (value) => isRecord(value) && Object.values(value).every(Number.isFinite),
};

/** One of several strings. */
export function oneOf(...choices: readonly string[]): Rule {
  return { words: choices.join(" or "), holds: (value) => choices.includes(value as string) };
}

/** Anything; it is checked elsewhere. */
export const anything: Rule = { words: "anything", holds: () => true };

/**
 * Checks every field and drops those that are null.
 *
 * @param what Names the object in errors.
 * @throws {SyntaxError} when it is not an object, or a field is unknown or breaks its rule.
 */
export function checkFields(
  what: string,
  value: unknown,
  rules: Readonly<Record<string, Rule>>,
): Fields {
  if (!isRecord(value)) throw new SyntaxError(`${what} must be an object`);
  const fields = Object.entries(value).filter(([, item]) => item !== null);
  for (const [key, item] of fields) {
    if (!Object.hasOwn(rules, key)) {
      throw new SyntaxError(`${what} may have ${unknown(key, rules)}`);
    }
    if (!rules[key].holds(item)) {
      const found = quote(item);
      throw new SyntaxError(`${what}: ${key} must be ${rules[key].words}, found ${found}`);
    }
  }
  return Object.fromEntries(fields);
}

function unknown(key: string, rules: Readonly<Record<string, Rule>>): string {
  const known = Object.keys(rules).filter((name) => !rules[name].isAlias);
  const meant = nearestName(key, known);
  return `${known.join(", ")}; found ${oneLine(key)}${meant ? ` (did you mean ${meant}?)` : ""}`;
}
