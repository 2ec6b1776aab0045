/** Preparing the updates of adapters for comparison, and their names in tables and figures. @module */

import type { LowRankUpdate } from "../core/low_rank_update.ts";
import { NameEndings } from "../core/module_names.ts";
import { boundsOf } from "../core/numbers.ts";
import { siteName } from "../core/site.ts";
import { joinUpdates } from "../formats/mod.ts";

/**
 * Prepares the updates of adapters for comparison: sites of a module stay separate, as the spectrum of
 * a mixture would be that of neither, unless another adapter has an update of the whole module; then
 * they are joined. Modules that differ by a longer prefix alone, as `h.0.attn.c_attn` and
 * `transformer.h.0.attn.c_attn` do, are the same one and get the first adapter's name for it.
 *
 * @throws {ShapeError} when the sites of one adapter do not fit the whole module of another.
 *
 * @example
 * ```ts
 * import { comparableUpdates } from "@lowrank/core/inspect";
 *
 * const tensor = (...shape: number[]) => ({ shape, data: new Float32Array(4).fill(1) });
 * const whole = { module: "c_attn", A: tensor(1, 4), B: tensor(4, 1), scaling: 1 };
 * const rows = { start: 0, count: 2 }, B = { shape: [2, 1], data: Float32Array.of(1, 2) };
 * const [[joined]] = comparableUpdates([[{ ...whole, rows, outputs: 4, B }], [whole]]);
 * console.log(joined.B.data); // [1, 2, 0, 0]
 * ```
 */
export function comparableUpdates(
  adapters: readonly (readonly LowRankUpdate[])[],
): LowRankUpdate[][] {
  const [first = [], ...others] = adapters, named = others.map((other) => namedAs(first, other));
  const whole = new Set([first, ...named].flat().filter(isWhole).map(({ module }) => module));
  return [first, ...named].slice(0, adapters.length).map((updates) => {
    const modules = Map.groupBy(updates, ({ module }) => module);
    return [...modules].flatMap(([module, own]) => whole.has(module) ? [joinUpdates(own)] : own);
  });
}

/** Updates under the names that another adapter has for their modules, where there is just one. */
function namedAs(
  first: readonly LowRankUpdate[],
  updates: readonly LowRankUpdate[],
): LowRankUpdate[] {
  const [names, own] = [first, updates]
    .map((some) => new NameEndings(some.map(({ module }) => module)));
  return updates.map((update) => {
    const found = names.find(update.module), [name] = found;
    const isOnly = found.length === 1 && own.find(name).length === 1;
    return isOnly && name !== update.module ? { ...update, module: name } : update;
  });
}

const isWhole = (update: LowRankUpdate): boolean => siteName(update) === update.module;

/**
 * Names without the leading parts that they all share: `0.attn.c_attn` of
 * `transformer.h.0.attn.c_attn`.
 */
export function shortNames(names: readonly string[]): string[] {
  const paths = names.map((name) => name.split("."));
  const most = boundsOf(paths.map((path) => path.length))[0] - 1;
  let shared = 0;
  while (shared < most && paths.every((path) => path[shared] === paths[0][shared])) shared++;
  return paths.map((path) => path.slice(shared).join("."));
}
