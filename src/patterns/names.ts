/**
 * Names of modules by regular expressions from configurations, which may be hostile, and values by
 * such patterns, as in PEFT's `rank_pattern` and `alpha_pattern`.
 *
 * @module
 */

import { quote } from "../core/errors.ts";
import { patternStepsToRead } from "../core/limits.ts";
import { NameEndMap } from "../core/module_names.ts";
import { Effort, Matcher } from "./matcher.ts";
import { parsePattern } from "./syntax.ts";

// Names.

/** Text around a pattern, and the effort that it shares with others. */
export interface PatternFrame {
  /** Text before it. */
  readonly before?: string;
  /** Text after it. */
  readonly after?: string;
  /** Budget of steps for matching. Default: an effort of its own. */
  readonly effort?: Effort;
}

/**
 * Compiles a regular expression of Python. It must be whole without its frame, too: one that closes a
 * group of the frame would mean something else than its author sees.
 *
 * @throws {SyntaxError} when it is not one, or has more than {@link parsePattern} reads; the sentence
 * names the option.
 */
export function compilePattern(
  pattern: string,
  option: string,
  { before = "", after = "", effort = new Effort() }: PatternFrame = {},
): Matcher {
  const refuse = (rule: string) => new SyntaxError(`${option} ${rule}, found ${quote(pattern)}`);
  effort.spend(patternStepsToRead * pattern.length, refuse);
  parsePattern(pattern, refuse);
  return new Matcher(before + pattern + after, refuse, effort);
}

/**
 * PEFT's rule for `target_modules`: the members of a list are whole paths or their last parts, a string is
 * a regular expression for the whole path.
 *
 * @throws {SyntaxError} when a pattern is refused.
 */
export function targetTest(
  targets: string | readonly string[],
  option: string,
  effort?: Effort,
): (name: string) => boolean {
  if (typeof targets === "string") {
    const matcher = compilePattern(targets, option, { effort });
    return (name) => matcher.matches(name);
  }
  const names = new NameEndMap<true>();
  for (const target of targets) names.add(target, true);
  return (name) => names.find(name).length > 0;
}

// Values by name.

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
