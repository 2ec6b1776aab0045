/** How far a rule is from holding, and what would decide it. @module */

import { digits } from "../core/numbers.ts";

/** How far a broken rule is from holding, beside the noise: what tells a wrong claim from an undecided one. */
export interface Margin {
  /** How far the number that the rule reads is beyond its mark, in the unit of that number. */
  readonly beyond: number;
  /** Two standard errors of that number. */
  readonly noise: number;
  /** The part of them that more seeds do not lessen: that of the texts which are asked. Default 0. */
  readonly ofTexts?: number;
  /** Seeds behind it. */
  readonly seeds: number;
}

/** Whether it is broken by more than the noise: never with a single seed, of which nobody knows how far others are. */
export const isDecided = (margin: Margin | undefined): boolean =>
  margin !== undefined && margin.seeds > 1 && margin.beyond > margin.noise;

/**
 * `Beyond the mark by 0.3 ± 0.7; some 17 seeds would decide, 3 were run.` Nothing where the number keeps to its mark, so
 * that another part of the rule is what is broken.
 */
export function powerNote(margin: Margin | undefined): string | undefined {
  if (!margin || margin.beyond <= 0) return undefined;
  const { beyond, noise, seeds } = margin, start = `Beyond the mark by ${digits(beyond, 2)}`;
  if (seeds < 2) return `${start}; one seed does not tell its noise.`;
  const power = isDecided(margin) ? "" : `; ${deciding(margin)}`;
  return `${start} ± ${digits(noise, 2)}${power}.`;
}

/** The seeds that would decide or, where more of them cannot, how many texts. */
export function deciding({ beyond, noise, ofTexts = 0, seeds }: Margin): string {
  const left = beyond ** 2 - ofTexts ** 2, needed = seeds * (noise ** 2 - ofTexts ** 2) / left;
  if (left > 0) return `some ${Math.ceil(needed)} seeds would decide, ${seeds} were run`;
  const times = digits((noise / beyond) ** 2, 2);
  return `no number of seeds would decide, ${times} times as many texts and seeds would`;
}
