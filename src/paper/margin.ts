/**
 * Margins: the distance of a rule's number from its mark, and the number of seeds that would decide
 * it.
 *
 * @module
 */

import { digits } from "../core/numbers.ts";

/**
 * Distance of a rule's number from its mark, beside the noise: it tells a wrong claim from an
 * undecided one.
 */
export interface Margin {
  /**
   * Distance of the rule's number beyond its mark, in the unit of that number; negative within it.
   */
  readonly beyond: number;
  /** Two standard errors of that number. */
  readonly noise: number;
  /** The part of them that more seeds do not lessen: that of the texts which are asked. Default 0. */
  readonly ofTexts?: number;
  /** Seeds behind it. */
  readonly seeds: number;
  /** Degrees of freedom that the seeds' part was estimated with: more where it is pooled over methods. Default seeds − 1. */
  readonly freedom?: number;
}

/** Half of the interval that holds 95% of such numbers: few seeds widen it beyond two standard errors. */
export function intervalOf({ noise, ofTexts = 0, seeds, freedom = seeds - 1 }: Margin): number {
  if (seeds < 2) return Infinity; // Nobody knows how far others are.
  const ofSeeds = Math.max(0, noise ** 2 - ofTexts ** 2) * (studentsT(freedom) / 2) ** 2;
  return Math.sqrt(ofSeeds + ofTexts ** 2);
}

/** The 97.5% quantile of Student's t; 4.30, 3.18 and 2.78 for 2, 3 and 4 degrees of freedom (Abramowitz and Stegun 26.7.5). */
export function studentsT(freedom: number): number {
  if (freedom < 4) return [Infinity, 12.706, 4.303, 3.182][Math.max(0, Math.floor(freedom))];
  const z = 1.959964,
    terms = [
      z,
      (z ** 3 + z) / 4,
      (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96,
      (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384,
      (79 * z ** 9 + 776 * z ** 7 + 1482 * z ** 5 - 1920 * z ** 3 - 945 * z) / 92_160,
    ];
  return terms.reduce((sum, term, power) => sum + term / freedom ** power, 0);
}

/** True if it is broken by more than the noise: never with a single seed. */
export const isDecided = (margin: Margin | undefined): boolean =>
  margin !== undefined && margin.beyond > intervalOf(margin);

/**
 * `Beyond the mark by 0.3 ± 0.7; some 17 seeds would decide, 3 were run.` of a broken rule; nothing where the number
 * keeps to its mark, so that another part of the rule is what is broken.
 */
export function powerNote(margin: Margin | undefined): string | undefined {
  if (!margin || margin.beyond <= 0) return undefined;
  const { beyond, seeds } = margin, start = `Beyond the mark by ${digits(beyond, 2)}`;
  if (seeds < 2) return `${start}; one seed does not tell its noise.`;
  const power = isDecided(margin) ? "" : `; ${deciding(margin)}`;
  return `${start} ± ${digits(intervalOf(margin), 2)}${power}.`;
}

/** `Within the mark by 0.2 ± 0.7: undecided.` of a rule that holds by less than the noise. */
export function narrowNote(margin: Margin | undefined): string | undefined {
  if (!margin || margin.beyond > 0) return undefined;
  const within = `Within the mark by ${digits(-margin.beyond, 2)}`, half = intervalOf(margin);
  if (-margin.beyond > half) return undefined;
  if (margin.seeds < 2) return `${within}: undecided, as one seed does not tell its noise.`;
  return `${within} ± ${digits(half, 2)}: undecided.`;
}

/** The seeds that would decide or, where more of them cannot, how many texts. */
export function deciding(margin: Margin): string {
  const { beyond, noise, ofTexts = 0, seeds } = margin;
  const left = beyond ** 2 - ofTexts ** 2, needed = seeds * (noise ** 2 - ofTexts ** 2) / left;
  // With so many seeds, two standard errors are the interval; with about as many as were run, it is wider.
  if (left > 0) {
    return `some ${Math.max(seeds + 1, Math.ceil(needed))} seeds would decide, ${seeds} were run`;
  }
  const times = digits((noise / beyond) ** 2, 2);
  return `no number of seeds would decide, ${times} times as many texts and seeds would`;
}
