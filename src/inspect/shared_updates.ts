/** The updates that two adapter folders share, read pair by pair. @module */

import type { LowRankUpdate } from "../core/low_rank_update.ts";
import { sameShape } from "../core/shape.ts";
import { siteName } from "../core/site.ts";
import type { AdapterReader } from "../formats/adapter_reader.ts";
import { ComparisonPlan } from "../formats/comparable_updates.ts";
import type { TrainedUpdate } from "../formats/mod.ts";

/**
 * Gives each pair of updates that two adapters share by name to `take`, in the order of the first, with one module of
 * each in memory. Updates that only one has are read as well, so that they are checked. Returns the names of the
 * updates of each.
 *
 * @throws {AdapterFileError} when an adapter cannot be read.
 */
export async function eachShared(
  [one, other]: readonly [AdapterReader, AdapterReader],
  take: (pair: readonly [TrainedUpdate, TrainedUpdate]) => Promise<void>,
): Promise<string[][]> {
  const shapes = [one, other].map((reader) => reader.modules.map((name) => reader.shapesOf(name)));
  const plan = new ComparisonPlan(shapes.map((modules) => modules.flat()));
  const names = shapes.map((modules, i) => modules.map((updates) => plan.namesOf(i, updates)));
  const moduleOf = new Map(
    names[1].flatMap((own, i) => own.map((name) => [name, other.modules[i]] as const)),
  );
  const unread = new Set(other.modules);
  for (const [i, module] of one.modules.entries()) {
    const updates = plan.prepare(0, await one.read(module));
    const partner = names[0][i].map((name) => moduleOf.get(name)).find((found) => found);
    if (partner === undefined) continue;
    unread.delete(partner);
    const others = plan.prepare(1, await other.read(partner));
    const named = new Map(others.map((update) => [siteName(update), update]));
    for (const update of updates) {
      const found = named.get(siteName(update));
      if (found) await take([update, found]);
    }
  }
  for (const module of unread) await other.read(module);
  return names.map((modules) => modules.flat());
}

/** True where two updates have one name, one scaling and the same values in A and B. */
export function isSameUpdate(one: LowRankUpdate, other: LowRankUpdate): boolean {
  return siteName(one) === siteName(other) && one.scaling === other.scaling &&
    (["A", "B"] as const).every((name) => {
      const { shape, data } = one[name], partner = other[name];
      return sameShape(shape, partner.shape) && data.every((value, i) => value === partner.data[i]);
    });
}

/** True where each update of one adapter is in the other, and no more, in any order. */
export function isSameAdapter(
  one: readonly LowRankUpdate[],
  other: readonly LowRankUpdate[],
): boolean {
  const others = new Map(other.map((update) => [siteName(update), update]));
  return one.length === other.length && one.every((update) => {
    const partner = others.get(siteName(update));
    return partner !== undefined && isSameUpdate(update, partner);
  });
}
