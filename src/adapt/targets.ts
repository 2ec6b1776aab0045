/** PEFT's ways of naming layers: `target_modules`, `rank_pattern` and `alpha_pattern`. @module */

import { compilePattern, isSelected } from "../formats/peft_patterns.ts";
import type { Linear } from "../nn/linear.ts";
import { listNames } from "../core/module_names.ts";

/**
 * The layers that PEFT's `target_modules` would select: a list matches whole paths or their last parts,
 * a string is a regular expression for the whole path, `"all-linear"` is every layer but the head.
 *
 * @throws {RangeError} when the expression, or any one name of the list, matches nothing.
 * @throws {SyntaxError} when the string is not a regular expression.
 */
export function selectTargets(
  linears: readonly Linear[],
  targets: string | readonly string[],
): Linear[] {
  const layers = linears.filter(({ parts }) => !parts.head);
  if (targets === "all-linear") return layers;
  const entries = typeof targets === "string" ? [targets] : targets;
  if (entries.length === 0) throw new RangeError("targetModules must name a layer, found none");
  const matches = entries.map((entry) => matching(linears, typeof targets === "string", entry));
  const found = new Set(matches.flat());
  return linears.filter((linear) => found.has(linear));
}

function matching(linears: readonly Linear[], isPattern: boolean, entry: string): Linear[] {
  const targetModules = isPattern ? entry : [entry];
  if (isPattern) checkPattern(entry, "targetModules");
  const found = linears.filter(({ name }) => isSelected({ targetModules }, name));
  if (found.length > 0) return found;
  const names = listNames(linears.map(({ name }) => name));
  throw new RangeError(
    `targetModules must match a layer of the model (${names}), found "${entry}"`,
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
