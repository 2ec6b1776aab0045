/** Preparing the updates of adapters that are put side by side. @module */

import type { LowRankUpdate } from "../core/low_rank_update.ts";
import { NameEndings } from "../core/module_names.ts";
import { indicesOf } from "../core/row_range.ts";
import { siteName } from "../core/site.ts";
import type { TrainedUpdate } from "./adapter_record.ts";
import { joinTrained } from "./join_updates.ts";

/**
 * Prepares the updates of adapters for comparison: sites of a module stay separate, as the spectrum of
 * a mixture would be that of neither, unless another adapter has an update of the whole module, or a
 * site of other rows that they share in part; then they are joined. Modules that differ by a longer prefix alone, as `h.0.attn.c_attn` and
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
  adapters: readonly (readonly TrainedUpdate[])[],
): TrainedUpdate[][] {
  const [first = [], ...others] = adapters, named = others.map((other) => namedAs(first, other));
  const modules = Map.groupBy([first, ...named].flat(), ({ module }) => module);
  const whole = new Set([...modules.keys()].filter((name) => isJoined(modules.get(name)!)));
  return [first, ...named].slice(0, adapters.length).map((updates) => {
    const modules = Map.groupBy(updates, ({ module }) => module);
    return [...modules].flatMap(([module, own]) => whole.has(module) ? [joinTrained(own)] : own);
  });
}

/** Updates under the names that another adapter has for their modules, where there is just one. */
function namedAs(
  first: readonly TrainedUpdate[],
  updates: readonly TrainedUpdate[],
): TrainedUpdate[] {
  const [names, own] = [first, updates]
    .map((some) => new NameEndings(some.map(({ module }) => module)));
  return updates.map((update) => {
    const found = names.find(update.module), [name] = found;
    const isOnly = found.length === 1 && own.find(name).length === 1;
    return isOnly && name !== update.module ? { ...update, module: name } : update;
  });
}

/** Whether updates of a module are compared as a whole: one is of all rows, or different sites share rows. */
function isJoined(updates: readonly LowRankUpdate[]): boolean {
  const sites = new Map(updates.map((update) => [siteName(update), update]));
  if (sites.has(updates[0].module)) return true;
  const rows = [...sites.values()].flatMap(({ rows, B }) =>
    indicesOf(rows ?? { start: 0, count: B.shape[0] })
  );
  return new Set(rows).size < rows.length;
}
