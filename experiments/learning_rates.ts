/** Learning rates that were searched beforehand, on a split that is reported nowhere. @module */

/** Rates that are tried, the same for every method. */
export const learningRateGrid: readonly number[] = [3e-4, 1e-3, 3e-3, 1e-2, 3e-2];

/** The rate with the lowest loss; a loss of `null` is that of a training that diverged. */
export function bestRate(
  losses: Readonly<Record<string, number | null>>,
): { learningRate: number; loss: number } {
  const tried = Object.entries(losses).map(([rate, loss]) => ({
    learningRate: Number(rate),
    loss: loss ?? Infinity,
  }));
  return tried.reduce((best, next) => next.loss < best.loss ? next : best);
}
