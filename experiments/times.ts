/** How long each experiment takes. @module */

/**
 * Seconds on two cores with OpenBLAS, one seed, nothing read from earlier runs: `seconds` of `results.json`.
 * Only their ratios count, for the progress bar and the time left.
 */
export const expectedSeconds: Readonly<Record<string, number>> = {
  ...{ counting: 1, memory: 1, resident: 9, scaling: 1, matrix: 10, paper: 1, adaptation: 153 },
  ...{ "training-spectra": 1, merging: 49, subspaces: 5, amplification: 4, "which-matrices": 10 },
  ...{ "which-rank": 12, "linear-teacher": 15, "planted-controls": 7, "full-rank-shift": 5 },
  ...{ "rotated-digits": 8, "planted-transformer": 52, facts: 8, "full-size-layer": 1 },
  ...{ "real-adapter": 1 },
};
