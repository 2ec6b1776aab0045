/** The updates of a run in numbers: a line for q and one for v, a number for each layer. @module */

import type { LowRankUpdate } from "../../src/adapt/mod.ts";
import { describeUpdate, type UpdateRow } from "../../src/inspect/mod.ts";
import type { BaseWeights } from "../../src/inspect/second_moments.ts";
import { packed, unpacked } from "./rows.ts";
import { type Site, siteOf } from "./updates.ts";

/** What is kept of a module, and in which unit it is packed. */
export const numbers = {
  relativeNorm: [1e-4, ({ relativeNorm }) => relativeNorm!],
  stableRank: [1e-3, ({ stableRank }) => stableRank],
  effectiveRank: [1e-3, ({ effectiveRank }) => effectiveRank],
  energyRank90: [1, ({ energyRank90 }) => energyRank90],
  first: [1e-4, ({ singularValues: [first], frobenius }) => (first / frobenius) ** 2],
  aboveNoise: [1, ({ aboveNoise }) => aboveNoise],
  factor: [1e-3, ({ amplification }) => amplification!.factor],
  timesRandom: [1e-3, ({ amplification }) => amplification!.timesRandom],
  intruders: [1, ({ intruders }) => intruders!.count],
  blockIntruders: [1, ({ intruders }) => intruders!.blockCount],
} as const satisfies Record<string, readonly [number, (row: UpdateRow) => number]>;

/** The name of a number. */
export type NumberName = keyof typeof numbers;

/** One site of one adapter: its numbers by layer, packed. */
export type UpdateLine =
  & { readonly name: string; readonly site: Site["site"] }
  & Readonly<
    Record<NumberName, string>
  >;

const names = Object.keys(numbers) as NumberName[];

/** The lines of an adapter. */
export async function updateLines(
  name: string,
  updates: readonly LowRankUpdate[],
  weights: BaseWeights,
): Promise<UpdateLine[]> {
  const rows = await Promise.all(updates.map(async (update) => ({
    ...siteOf(update),
    row: describeUpdate(update, { weight: await weights.weightOf(update), intruders: true }),
  })));
  const sites = Map.groupBy(rows, ({ site }) => site);
  return Array.from(sites, ([site, own]): UpdateLine => {
    const values = names.map((key) => {
      const [unit, value] = numbers[key];
      return [key, packed(own.map(({ row }) => value(row)), unit)];
    });
    return { name, site, ...Object.fromEntries(values) as Record<NumberName, string> };
  });
}

/** A number of every layer. */
export const layersOf = (line: UpdateLine, key: NumberName): number[] =>
  unpacked(line[key], numbers[key][0]);
