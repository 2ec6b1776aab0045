/** Names of modules by regular expressions from configurations, which may be hostile. @module */

import { patternStepsToRead } from "./limits.ts";
import { Matcher } from "./patterns/matcher.ts";
import { NameEndMap } from "./module_names.ts";
import { parsePattern } from "./patterns/syntax.ts";
import { Effort } from "./patterns/threads.ts";
import { quote } from "./quote.ts";

/** What stands around a pattern, and what it shares with others. */
export interface PatternFrame {
  /** Text before it. */
  readonly before?: string;
  /** Text after it. */
  readonly after?: string;
  /** What matching may cost. Default: an effort of its own. */
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
