/** Values by patterns for names, as PEFT's `rank_pattern` and `alpha_pattern`. @module */

import { NameEndMap } from "./module_names.ts";
import { compilePattern } from "./name_patterns.ts";
import type { Matcher } from "./patterns/matcher.ts";
import { Effort } from "./patterns/threads.ts";
import { quote } from "./quote.ts";

/** The value for a module; of several names for it, any may match. */
export type PatternValue = (...names: readonly string[]) => number | undefined;

/**
 * Compiles a `rank_pattern` or `alpha_pattern`: the first pattern that matches a name or its end after a
 * dot gives the value, in the order of the file (`re.match(rf"(.*\.)?({key})$", name)` in PEFT).
 *
 * @throws {SyntaxError} when a pattern is refused, or is a number beside others, among which JavaScript
 * does not keep its place.
 */
export function patternValues(
  patterns: Readonly<Record<string, number>>,
  option: string,
): PatternValue {
  const keys = Object.keys(patterns), firstMatch = matchKeys(keys, option);
  return (...names) => {
    const key = keys[firstMatch(names)] ?? names.find((name) => Object.hasOwn(patterns, name));
    return key === undefined ? undefined : patterns[key];
  };
}

/** Finds the index of the first key that matches a name; keys without operators are looked up. */
function matchKeys(keys: readonly string[], option: string): (names: readonly string[]) => number {
  refuseNumbers(keys, option);
  const effort = new Effort(), literals = new LiteralKeys(), operators: number[] = [];
  const matchers = keys.map((key) => lazy(() => matchEnd(key, option, effort)));
  keys.forEach((key, index) => {
    const hasOperators = !literals.add(key, index);
    if (hasOperators && matchers[index]()) operators.push(index);
  });
  return (names) => {
    names.forEach((name) => effort.allow(name));
    // A dot of the frame does not match a line feed, and no real name has one.
    const isPlain = names.every((name) => !name.includes("\n"));
    const best = isPlain ? Math.min(...names.map((name) => literals.find(name))) : Infinity;
    for (const index of isPlain ? operators : keys.keys()) {
      if (index > best) break;
      if (names.some((name) => matchers[index]().matches(name))) return index;
    }
    return best;
  };
}

function lazy<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => made ??= make();
}

/** JSON objects keep the order of their keys, except that JavaScript puts whole numbers first. */
function refuseNumbers(keys: readonly string[], option: string): void {
  const number = keys.find((key) => /^(?:0|[1-9][0-9]*)$/.test(key));
  if (number === undefined || keys.length === 1) return;
  throw new SyntaxError(
    `${option} must not have a number beside other patterns, found ${quote(number)}`,
  );
}

/** PEFT's match of a name's end. Its `$` may leave a line feed over, which ours must take. */
function matchEnd(key: string, option: string, effort: Effort): Matcher {
  return compilePattern(key, option, { before: "(.*\\.)?(", after: ")$\\n?", effort });
}

/** Keys without operators; one that begins with `^` is a whole path. */
class LiteralKeys {
  readonly #paths = new Map<string, number>();
  readonly #ends = new NameEndMap<number>();

  /** Adds a key unless it is there; false if it has operators. */
  add(key: string, index: number): boolean {
    if (!/^\^?(?:[^\\^$.*+?()[\]{}|]|\\[^a-zA-Z0-9^])*$/.test(key)) return false;
    const literal = key.replace(/^\^/, "").replace(/\\(.)/gs, "$1");
    if (!key.startsWith("^")) this.#ends.add(literal, index);
    else if (!this.#paths.has(literal)) this.#paths.set(literal, index);
    return true;
  }

  /** The index of the first key that matches a name, or infinity. */
  find(name: string): number {
    return Math.min(this.#paths.get(name) ?? Infinity, ...this.#ends.find(name));
  }
}
