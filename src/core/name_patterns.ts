/** Regular expressions for names, from configurations that may be hostile. @module */

import { AdapterFileError } from "./errors.ts";
import { isNamedIn } from "./module_names.ts";

/** More unbounded repetitions than any pattern in use has. */
const MOST_REPETITIONS = 8;

/** Steps that matching one name may take at worst: a second or two. */
const MOST_STEPS = 2e8;

/**
 * Compiles a regular expression from an adapter's configuration. It must match a whole name, together
 * with `before` and `after` around it.
 *
 * @throws {AdapterFileError} when it is not a regular expression, or one that could take forever: a
 * repeated group with a repetition or a choice in it, or more than 8 unbounded repetitions.
 */
export function compilePattern(pattern: string, before = "", after = ""): RegExp {
  if (choicesOf(pattern) === undefined) {
    throw new AdapterFileError(`a pattern must not nest repetitions, found "${pattern}"`);
  }
  try {
    return new RegExp(`^${before}(?:${pattern})${after}$`);
  } catch {
    throw new AdapterFileError(`a pattern must be a regular expression, found "${pattern}"`);
  }
}

/** Matches a name, after making sure that it cannot take long: file and name may both be hostile. */
export function matchName(
  name: string,
  pattern: string,
  before = "",
  after = "",
): RegExpExecArray | null {
  const compiled = compilePattern(pattern, before, after);
  const { repetitions, forks } = choicesOf(pattern)!;
  let steps = 2 ** forks;
  const most = repetitions + Number(before !== "");
  for (let i = 1; i <= most; i++) steps *= (name.length + i) / i;
  if (steps <= MOST_STEPS) return compiled.exec(name);
  throw new AdapterFileError(
    `a pattern must match a name in few steps, found "${pattern}" for ${name.length} characters`,
  );
}

/** An escaped character or a class of characters. */
const ATOM = /\\.|\[(?:\\.|[^\]\\])*\]/gs;

/** The beginning of a group that is not a plain capture. */
const GROUP_KIND = /\(\?(?:<?[=!]|<\w+>|:)/g;

/** A group without groups in it, with the repetition after it. */
const INNER_GROUP = /\(([^()]*)\)([*+{]?)/;

/** A repetition, bounded or not, with the mark for lazy matching. */
const REPETITION = /(?:[*+?]|\{[^}]*\})\??/g;

/** How much backtracking a pattern allows; undefined if repetitions are nested or too many. */
function choicesOf(pattern: string): { repetitions: number; forks: number } | undefined {
  let rest = pattern.replace(ATOM, ".").replace(GROUP_KIND, "(");
  if ((rest.match(/[*+]|,\}/g)?.length ?? 0) > MOST_REPETITIONS) return undefined;
  const repetitions = rest.match(REPETITION)?.length ?? 0;
  let forks = 0;
  for (let group; (group = INNER_GROUP.exec(rest));) {
    const [whole, body, repetition] = group;
    const hasChoice = /[*+{?|]/.test(body);
    if (repetition && hasChoice) return undefined;
    forks += forksIn(body);
    rest = rest.replace(whole, () => (hasChoice ? ".?" : ".") + repetition);
  }
  return { repetitions, forks: forks + forksIn(rest) };
}

/** Pairs of alternatives that can match at one place: where one can be a prefix of the other. */
function forksIn(body: string): number {
  const alternatives = body.split("|");
  const alike = (a: string, b: string) =>
    [...a].every((char, i) => i >= b.length || char === b[i] || char === "." || b[i] === ".");
  return alternatives.reduce(
    (sum, a, i) => sum + alternatives.slice(0, i).filter((b) => alike(a, b)).length,
    0,
  );
}

/** Throws a {@link SyntaxError} that names `option` unless the text is a harmless pattern. */
export function checkPattern(pattern: string, option: string): void {
  try {
    compilePattern(pattern);
  } catch (error) {
    throw new SyntaxError(`${option}: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * PEFT's rule for `target_modules`: the members of a list are whole paths or their last parts, a string is
 * a regular expression for the whole path.
 *
 * @throws {AdapterFileError} when a pattern is refused.
 */
export function isTargeted(name: string, targets: string | readonly string[]): boolean {
  if (typeof targets === "string") return matchName(name, targets) !== null;
  return isNamedIn(name, targets);
}
