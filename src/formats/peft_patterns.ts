/** How PEFT's configuration picks modules and values by name. @module */

import { AdapterFileError } from "../core/errors.ts";
import { isNamed } from "../core/module_names.ts";

/** Which modules a configuration adapts. */
export interface ModuleSelection {
  /** Names or name endings; or a regular expression for the whole name, or `"all-linear"`. */
  readonly targetModules?: readonly string[] | string;
  /** The same for modules that are left out. */
  readonly excludeModules?: readonly string[] | string;
  /** Indices of the only layers that are adapted. */
  readonly layers?: readonly number[];
  /** Names of the lists whose members are layers, where they are not found by themselves. */
  readonly layerLists?: readonly string[];
}

/** More unbounded repetitions than any pattern in use. */
const MOST_REPETITIONS = 8;

/** Steps that matching one name may take at worst: a second or two. */
const MOST_STEPS = 2e8;

/**
 * Compiles a regular expression out of an adapter's configuration for whole names, of which `before`
 * and `after` match the parts around it.
 *
 * @throws {AdapterFileError} Where it is not a regular expression, or one that could take for ever:
 * a repeated group with a repetition or a choice in it, or more than 8 unbounded repetitions.
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
function matchName(
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

/** What makes a group something else than a capture. */
const GROUP_KIND = /\(\?(?:<?[=!]|<\w+>|:)/g;

/** A group without groups in it, with the repetition behind it. */
const INNER_GROUP = /\(([^()]*)\)([*+{]?)/;

/** A repetition, bounded or not, with the mark of a lazy one. */
const REPETITION = /(?:[*+?]|\{[^}]*\})\??/g;

/** What a pattern leaves to trial and error; undefined where repetitions are nested or too many. */
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

/** Pairs of alternatives that can match at one place: where one could begin as the other does. */
function forksIn(body: string): number {
  const alternatives = body.split("|");
  const alike = (a: string, b: string) =>
    [...a].every((sign, i) => i >= b.length || sign === b[i] || sign === "." || b[i] === ".");
  return alternatives.reduce(
    (sum, a, i) => sum + alternatives.slice(0, i).filter((b) => alike(a, b)).length,
    0,
  );
}

/**
 * The value of a `rank_pattern` or `alpha_pattern` for a module: the first pattern that matches the
 * name or its end after a dot, in the order of the file; undefined where none does.
 *
 * @throws {AdapterFileError} Where a pattern is refused.
 */
export function patternValue(
  patterns: Readonly<Record<string, number>>,
  name: string,
): number | undefined {
  for (const [pattern, value] of Object.entries(patterns)) {
    if (matchName(name, pattern, "(?:.*\\.)?")) return value;
  }
  return Object.hasOwn(patterns, name) ? patterns[name] : undefined;
}

/**
 * True when PEFT would put an adapter on the module.
 *
 * @throws {AdapterFileError} Where a pattern is refused.
 */
export function isSelected(selection: ModuleSelection, name: string): boolean {
  const { targetModules, excludeModules } = selection;
  if (excludeModules?.length && matches(excludeModules, name)) return false;
  if (targetModules === "all-linear") return true;
  if (targetModules !== undefined && !matches(targetModules, name)) return false;
  // As in PEFT, layers narrow name endings down, but neither patterns nor full names.
  const isFinal = typeof targetModules === "string" || targetModules?.includes(name);
  return isFinal || isInLayers(selection, name);
}

function matches(modules: readonly string[] | string, name: string): boolean {
  if (typeof modules === "string") return matchName(name, modules) !== null;
  return modules.some((module) => isNamed(name, module));
}

/** Looks at the first number in the name that follows a list of layers. */
function isInLayers({ layers, layerLists }: ModuleSelection, name: string): boolean {
  if (!layers?.length) return true;
  const before = layerLists?.length ? "(?:^|.*?\\.)" : ".*?\\.";
  for (const list of layerLists?.length ? layerLists : ["[^.]*"]) {
    const match = matchName(name, list, before, "\\.(?<layer>\\d+)\\..*");
    if (match) return layers.includes(Number(match.groups!.layer));
  }
  return false;
}
