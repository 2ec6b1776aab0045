/** How a PEFT configuration selects modules by name. @module */

import { compilePattern, targetTest } from "../core/name_patterns.ts";
import { Effort } from "../core/patterns/threads.ts";

/** Which modules a configuration adapts. */
export interface ModuleSelection {
  /** Names or name endings; or a pattern of Python's `re` for the whole name, or `"all-linear"`. */
  readonly targetModules?: readonly string[] | string;
  /** The same for modules to leave out. */
  readonly excludeModules?: readonly string[] | string;
  /** Indices of the layers to adapt. Default: all. */
  readonly layers?: readonly number[];
  /** Patterns for the lists whose members are layers. Default: any name before a number. */
  readonly layerLists?: readonly string[];
}

/**
 * Compiles PEFT's rule for the modules that it would adapt.
 *
 * @throws {SyntaxError} when a pattern is refused.
 */
export function moduleSelector(selection: ModuleSelection): (name: string) => boolean {
  const { targetModules, excludeModules } = selection, effort = new Effort();
  const isExcluded = excludeModules?.length
    ? targetTest(excludeModules, "exclude_modules", effort)
    : () => false;
  const isTarget = targetModules === undefined || isAllLinear(targetModules)
    ? () => true
    : targetTest(targetModules, "target_modules", effort);
  const isInLayer = layerTest(selection, effort);
  return (name) => {
    effort.allow(name);
    return !isExcluded(name) && isTarget(name) && isInLayer(name);
  };
}

const isAllLinear = (targets: string | readonly string[]): boolean =>
  typeof targets === "string" && targets.toLowerCase() === "all-linear";

/** As in PEFT, layers restrict matches of name endings, but not of patterns or full names. */
function layerTest(selection: ModuleSelection, effort: Effort): (name: string) => boolean {
  const { targetModules, layers } = selection;
  if (!layers?.length || typeof targetModules === "string") return () => true;
  const paths = new Set(targetModules), indices = new Set(layers);
  const layerOf = layerFinder(selection.layerLists, effort);
  return (name) => paths.has(name) || indices.has(layerOf(name));
}

/** Finds the first number in a name that follows a list of layers; NaN if there is none. */
function layerFinder(lists: readonly string[] = [], effort: Effort): (name: string) => number {
  const after = "\\.(?P<idx>\\d+)\\.", isNamed = lists.length > 0;
  const frame = { before: isNamed ? "(?:^|.*?\\.)" : ".*?\\.", after, effort };
  const matchers = (isNamed ? lists : ["[^.]*"])
    .map((list) => compilePattern(list, "layers_pattern", frame));
  return (name) => {
    for (const matcher of matchers) {
      const layer = matcher.groupOf(name, "idx");
      if (layer !== undefined) return layer === "" ? NaN : Number(layer);
    }
    return NaN;
  };
}
