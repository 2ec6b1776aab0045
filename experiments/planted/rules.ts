/** Thresholds and findings that several rules of the planted tasks share. @module */

import { howMany } from "../../src/core/numbers.ts";

/** A rank is enough if at most this share remains; a twentieth, as experiments/planted/rules.md says. */
export const enough = 0.05;

/** Tolerances of a loss above the best one, and below it by roundoff; shares of the loss before. */
export const excessTolerance = 1e-3, roundoff = 1e-9;

/** True if every loss is the best one within the tolerance. */
export function areBest(rows: readonly { readonly excess: number }[]): boolean {
  return rows.every(({ excess }) => excess <= excessTolerance && excess >= -roundoff);
}

/** The distance of losses from the best ones, in a few words. */
export function excessWords(rows: readonly { readonly excess: number }[]): string {
  const most = Math.max(...rows.map(({ excess }) => Math.abs(excess)));
  return `${howMany(rows.length, "run")} within ${most.toExponential(1)} of the best loss`;
}
