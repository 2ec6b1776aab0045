/** The best loss of every ratio of the two rates, over their geometric mean. @module */

import type { Device } from "../../src/device/mod.ts";
import { type Examples, type Lesson, lessonOf, lossLeft } from "./student.ts";

/** Widths of the study. */
export const widths = [64, 128, 256, 512, 1024, 2048] as const;

/** η_B / η_A, by factors of 4. */
export const ratios: readonly number[] = Array.from({ length: 10 }, (_, at) => 4 ** (at - 2));

/** Steps of a run; claims are about the second, and the first where they are about speed. */
export const lengths = [25, 50, 100] as const;

/** The best run of a ratio. */
export interface RatioRow {
  /** `few` or `many`. */
  readonly examples: Examples;
  /** Steps. */
  readonly steps: number;
  /** n. */
  readonly width: number;
  /** The repeat. */
  readonly seed: number;
  /** η_B / η_A. */
  readonly ratio: number;
  /** √(η_A η_B) of least loss, a power of √2. */
  readonly rate: number;
  /** The share of the loss that is left. */
  readonly loss: number;
  /** Rates that were tried. */
  readonly tried: number;
}

/** Rows of a width. */
export interface WidthOptions {
  /** Of the examples. */
  readonly examples: Examples;
  /** n. */
  readonly width: number;
  /** The repeat. */
  readonly seed: number;
  /** Lengths of runs. */
  readonly lengths: readonly number[];
}

/** Searches every ratio at a width; all have the same teacher, examples and start of A. */
export async function widthRows(
  device: Device,
  { examples, width, seed, lengths: asked }: WidthOptions,
): Promise<RatioRow[]> {
  const own = 9_000_000 + 10_000 * seed + 2 * width + (examples === "few" ? 0 : 1);
  using lesson = lessonOf(device, { width, examples, seed: own });
  const rows: RatioRow[] = [];
  for (const steps of asked) {
    const base = { examples, steps, width, seed };
    for (const found of await searchRatios(lesson, steps, own + 1_000_000)) {
      rows.push({ ...base, ...found });
    }
  }
  return rows;
}

/** The result of a ratio's search. */
type Found = Pick<RatioRow, "ratio" | "rate" | "loss" | "tried">;

/** The ratios in order; each search begins below the best rate of the ratio before. */
async function searchRatios(lesson: Lesson, steps: number, seed: number): Promise<Found[]> {
  const found: Found[] = [];
  let first = firstPower;
  for (const ratio of ratios) {
    const tried = await sweep(first, (power) => {
      const rate = rateOf(power), root = Math.sqrt(ratio);
      return lossLeft(lesson, { rates: { A: rate / root, B: rate * root }, steps, seed });
    });
    const best = bestOf(tried), loss = Number(tried.get(best)!.toPrecision(5));
    found.push({ ratio, rate: rateOf(best), loss, tried: tried.size });
    first = best - below;
  }
  return found;
}

const rateOf = (power: number): number => 2 ** (power / 2);

/** 2^(−8), where every width's first search is below its best. */
const firstPower = -16;

/** Powers below the best of a ratio at which the next search begins, and powers above the best that are tried. */
const below = 3, above = 3;

/** Tries powers upward until three above the best are worse, and downward while the lowest is best: losses are smooth below the best, and rough above. */
async function sweep(
  first: number,
  lossAt: (power: number) => Promise<number>,
): Promise<Map<number, number>> {
  const tried = new Map<number, number>();
  let low = first, high = first - 1;
  const add = async (power: number) => {
    const loss = await lossAt(power);
    tried.set(power, Number.isFinite(loss) ? loss : Infinity);
  };
  do {
    await add(tried.size > 0 && bestOf(tried) === low && high > low ? --low : ++high);
  } while (high < bestOf(tried) + above || bestOf(tried) === low);
  return tried;
}

const bestOf = (tried: ReadonlyMap<number, number>): number =>
  [...tried].reduce((best, one) => one[1] < best[1] ? one : best)[0];
