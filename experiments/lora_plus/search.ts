/** The best loss of every ratio of the two rates, over their geometric mean. @module */

import type { Device } from "../../src/device/mod.ts";
import { type Examples, type Lesson, lessonOf, lossLeft } from "./student.ts";

/** Widths of the study. */
export const widths = [64, 128, 256, 512, 1024, 2048] as const;

/** η_B / η_A, by factors of 4. */
export const ratios: readonly number[] = Array.from({ length: 11 }, (_, at) => 4 ** (at - 2));

/** Steps of a run; claims are about the second, and the first where they are about speed. */
export const lengths = [25, 50, 100] as const;

/** The best run of a ratio. */
export interface RatioRow {
  /** Whether examples are as many at every width, or for each dimension. */
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

/** What a search finds of a ratio. */
type Found = Pick<RatioRow, "ratio" | "rate" | "loss" | "tried">;

/** The ratios in order; each search begins at the best rate of the ratio before. */
async function searchRatios(lesson: Lesson, steps: number, seed: number): Promise<Found[]> {
  const found: Found[] = [];
  let power = firstPower;
  for (const ratio of ratios) {
    const tried = await climb(power, (power) => {
      const rate = rateOf(power), root = Math.sqrt(ratio);
      return lossLeft(lesson, { rates: { A: rate / root, B: rate * root }, steps, seed });
    });
    power = bestOf(tried);
    const loss = Number(tried.get(power)!.toPrecision(5));
    found.push({ ratio, rate: rateOf(power), loss, tried: tried.size });
  }
  return found;
}

const rateOf = (power: number): number => 2 ** (power / 2);

/** 2^(−4): where the first search begins. */
const firstPower = -8;

/** Tries a power and its neighbors, then those of the best, until the best has both. */
async function climb(
  first: number,
  lossAt: (power: number) => Promise<number>,
): Promise<Map<number, number>> {
  const tried = new Map<number, number>();
  const add = async (power: number) => {
    if (tried.has(power)) return;
    const loss = await lossAt(power);
    tried.set(power, Number.isFinite(loss) ? loss : Infinity);
  };
  await add(first);
  for (let best = first;;) {
    await add(best - 1);
    await add(best + 1);
    const next = bestOf(tried);
    if (next === best) return tried;
    best = next;
  }
}

const bestOf = (tried: ReadonlyMap<number, number>): number =>
  [...tried].reduce((best, one) => one[1] < best[1] ? one : best)[0];
