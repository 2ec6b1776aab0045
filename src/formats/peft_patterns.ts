/** How a PEFT configuration selects modules and values by name. @module */

import { isTargeted, matchName } from "../core/name_patterns.ts";

/** Which modules a configuration adapts. */
export interface ModuleSelection {
  /** Names or name endings; or a regular expression for the whole name, or `"all-linear"`. */
  readonly targetModules?: readonly string[] | string;
  /** The same for modules to leave out. */
  readonly excludeModules?: readonly string[] | string;
  /** Indices of the layers to adapt. Default: all. */
  readonly layers?: readonly number[];
  /** Names of the lists whose members are layers. Default: any name before a number. */
  readonly layerLists?: readonly string[];
}

/**
 * The value of a `rank_pattern` or `alpha_pattern` for a module: the first pattern that matches the
 * name or its end after a dot, in the order of the file; undefined if none does.
 *
 * @throws {AdapterFileError} when a pattern is refused.
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
 * True if PEFT would adapt the module.
 *
 * @throws {AdapterFileError} when a pattern is refused.
 */
export function isSelected(selection: ModuleSelection, name: string): boolean {
  const { targetModules, excludeModules } = selection;
  if (excludeModules?.length && isTargeted(name, excludeModules)) return false;
  if (targetModules === "all-linear") return true;
  if (targetModules !== undefined && !isTargeted(name, targetModules)) return false;
  if (!selection.layers?.length) return true;
  // As in PEFT, layers restrict matches of name endings, but not of patterns or full names.
  const isFinal = typeof targetModules === "string" || targetModules?.includes(name);
  return isFinal || isInLayers(selection, name);
}

/** Looks at the first number in the name that follows a list of layers. */
function isInLayers({ layers, layerLists }: ModuleSelection, name: string): boolean {
  const before = layerLists?.length ? "(?:^|.*?\\.)" : ".*?\\.";
  for (const list of layerLists?.length ? layerLists : ["[^.]*"]) {
    const match = matchName(name, list, before, "\\.(?<layer>\\d+)\\..*");
    if (match) return layers!.includes(Number(match.groups!.layer));
  }
  return false;
}
