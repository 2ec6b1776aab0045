/** Checking JSON from files. @module */

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

/** A string, with the colon after it if it is a key, or the brace of an object. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?|[{}]/gs;

/**
 * The first key that occurs twice in one object of a valid JSON text, if any: `JSON.parse` silently
 * drops the first value.
 */
export function duplicateKey(text: string): string | undefined {
  const objects: Set<string>[] = [];
  for (const [token, colon] of text.matchAll(TOKEN)) {
    if (token === "{") objects.push(new Set());
    else if (token === "}") objects.pop();
    else if (colon) {
      const quoted = token.slice(0, -colon.length);
      const name: string = quoted.includes("\\") ? JSON.parse(quoted) : quoted.slice(1, -1);
      const names = objects[objects.length - 1];
      if (names.has(name)) return name;
      names.add(name);
    }
  }
}

/** A string, which may hold anything, or a number. */
const NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/gs;

/** The first number of a valid JSON text that is not written in digits alone, such as `-0` or `2e1`. */
export function oddNumber(text: string): string | undefined {
  for (const [token] of text.matchAll(NUMBER)) {
    if (!token.startsWith('"') && !/^\d+$/.test(token)) return token;
  }
}
