/** The search of the rates of "LoRA without regret". @module */

import { fileURLToPath } from "node:url";
import { checkedOutCommit } from "../../src/storage/checkout.ts";
import type { Json, JsonRecord } from "../../src/runs/mod.ts";
import type { RunContext } from "../../src/runs/plan.ts";
import { searchSeed, tryRates } from "../rate_search.ts";
import { everywhere, full, searchedSettings, type Setting } from "./methods.ts";
import { lowestPlace, settingKey, type TriedLosses } from "./rates.ts";
import { planRegret } from "./runs.ts";

/** Seeds of the search of a setting: two where the best rate itself is reported. */
export const searchSeedsOf = ({ part, method }: Setting): readonly number[] =>
  part === "pairs" && everywhere.includes(method) ? [searchSeed, searchSeed + 1] : [searchSeed];

/** The first rates that are tried, as quarters of a decade, and their distance. */
export function firstGrid({ part, method }: Setting): { quarters: number[]; spacing: number } {
  const isFull = method === full;
  if (part === "pairs") {
    const middle = isFull ? -12 : -9;
    return { quarters: [-2, -1, 0, 1, 2].map((away) => middle + away), spacing: 1 };
  }
  return { quarters: [-2, 0, 2].map((away) => (isFull ? -12 : -10) + away), spacing: 2 };
}

/** 10^(quarters / 4), to three digits. */
export const rateAt = (quarters: number): number => Number((10 ** (quarters / 4)).toPrecision(3));

/** Losses of one setting by seed and rate; `lossesAt` gives those of some rates for every seed. */
export async function growGrid(
  { quarters, spacing }: { quarters: readonly number[]; spacing: number },
  lossesAt: (rates: readonly number[]) => Promise<TriedLosses>,
): Promise<TriedLosses> {
  let grid = [...quarters], tried = await lossesAt(grid.map(rateAt));
  while (true) {
    const place = lowestPlace(tried), last = grid.length - 1;
    if (place > 0 && place < last) return tried;
    const added = place === 0 ? grid[0] - spacing : grid[last] + spacing;
    grid = [...grid, added].sort((a, b) => a - b);
    tried = joinTried(tried, await lossesAt([rateAt(added)]));
  }
}

const joinTried = (first: TriedLosses, more: TriedLosses): TriedLosses =>
  Object.fromEntries(
    Object.entries(first).map(([seed, losses]) => [seed, { ...losses, ...more[seed] }]),
  );

/** The loss of every tried rate with every setting and seed, on what no table reports. */
export async function searchRegret(context: RunContext): Promise<JsonRecord> {
  const commit = await checkedOutCommit(fileURLToPath(new URL("../..", import.meta.url)));
  const tried: Record<string, TriedLosses> = {};
  for (const setting of searchedSettings) {
    const ofSeed = (seed: number, rates: readonly number[]) =>
      tryRates(
        rates,
        (learningRate) => planRegret({ setting, learningRate, seed, split: "validation" }, false),
        ({ loss }) => loss,
        context,
      );
    tried[settingKey(setting)] = await growGrid(firstGrid(setting), async (rates) => {
      const losses: Record<string, Record<string, Json>> = {};
      for (const seed of searchSeedsOf(setting)) losses[seed] = await ofSeed(seed, rates);
      return losses as TriedLosses;
    });
  }
  return { split: "validation", commit, tried };
}
