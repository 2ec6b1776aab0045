/** Preparing the updates of adapters that are put side by side. @module */

import type { UpdateShape } from "../core/low_rank_update.ts";
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
  const plan = new ComparisonPlan(adapters);
  return adapters.map((updates, adapter) => plan.prepare(adapter, updates));
}

/** How {@link comparableUpdates} names and joins updates, which follows from their shapes alone. */
export class ComparisonPlan {
  readonly #names: readonly ReadonlyMap<string, string>[];
  readonly #whole: ReadonlySet<string>;

  /** Takes the shapes of all updates of all adapters. */
  constructor(adapters: readonly (readonly UpdateShape[])[]) {
    const [first = []] = adapters;
    this.#names = adapters.map((updates, at) => at === 0 ? new Map() : namedAs(first, updates));
    const named = adapters.flatMap((updates, at) => this.#named(at, updates));
    const modules = Map.groupBy(named, ({ module }) => module);
    this.#whole = new Set([...modules.keys()].filter((name) => isJoined(modules.get(name)!)));
  }

  /**
   * Prepares updates of one adapter, among them all of each of their modules.
   *
   * @throws {ShapeError} as {@link comparableUpdates}.
   */
  prepare(adapter: number, updates: readonly TrainedUpdate[]): TrainedUpdate[] {
    return this.#arranged(adapter, updates, joinTrained);
  }

  /** The names that {@link ComparisonPlan.prepare} gives to updates of these shapes. */
  namesOf(adapter: number, updates: readonly UpdateShape[]): string[] {
    return this.#arranged(adapter, updates, ([{ module, A, B }]) => ({ module, A, B })).map(
      siteName,
    );
  }

  #arranged<Update extends UpdateShape>(
    adapter: number,
    updates: readonly Update[],
    join: (own: readonly Update[]) => Update,
  ): Update[] {
    const modules = Map.groupBy(this.#named(adapter, updates), ({ module }) => module);
    return [...modules].flatMap(([module, own]) => this.#whole.has(module) ? [join(own)] : own);
  }

  #named<Update extends UpdateShape>(adapter: number, updates: readonly Update[]): Update[] {
    const names = this.#names[adapter];
    return updates.map((update) => {
      const module = names.get(update.module);
      return module === undefined ? update : { ...update, module };
    });
  }
}

/** The names that another adapter has for the modules of updates, where there is just one and it differs. */
function namedAs(
  first: readonly UpdateShape[],
  updates: readonly UpdateShape[],
): Map<string, string> {
  const [names, own] = [first, updates]
    .map((some) => new NameEndings(some.map(({ module }) => module)));
  const found = new Map<string, string>();
  for (const { module } of updates) {
    const [name, ...more] = names.find(module);
    const isOnly = name !== undefined && more.length === 0 && own.find(name).length === 1;
    if (isOnly && name !== module) found.set(module, name);
  }
  return found;
}

/** Whether updates of a module are compared as a whole: one is of all rows, or different sites share rows. */
function isJoined(updates: readonly UpdateShape[]): boolean {
  const sites = new Map(updates.map((update) => [siteName(update), update]));
  if (sites.has(updates[0].module)) return true;
  const rows = [...sites.values()].flatMap(({ rows, B }) =>
    indicesOf(rows ?? { start: 0, count: B.shape[0] })
  );
  return new Set(rows).size < rows.length;
}
