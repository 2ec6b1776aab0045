/** Checking JSON from files. @module */

import { jsonTokens } from "../core/json.ts";

/** A JSON object. */
export type Json = Readonly<Record<string, unknown>>;

/** True for a list of integers of at least 0. */
export const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);

/**
 * Checks a number against a limit.
 *
 * @param subject What may have no more, as an error says it.
 * @throws {SyntaxError} when it is larger.
 */
export function assertAtMost(subject: string, most: number, found: number, what: string): void {
  if (found <= most) return;
  throw new SyntaxError(`${subject} may have at most ${most} ${what}, found ${found}`);
}

/** The first number of a valid JSON text that is not written in digits alone, such as `-0` or `2e1`. */
export function oddNumber(text: string): string | undefined {
  for (const { token } of jsonTokens(text, /"|-?\d[\d.eE+-]*/)) {
    if (!token.startsWith('"') && !/^\d+$/.test(token)) return token;
  }
}
