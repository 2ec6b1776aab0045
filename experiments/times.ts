/** How long each experiment takes. @module */

/**
 * Seconds on two cores with OpenBLAS, one seed, nothing read from earlier runs, in the proportions of a whole
 * run's `seconds` in `results.json`. Only their ratios count for the progress bar and the time left.
 */
export const expectedSeconds: Readonly<Record<string, number>> = {
  ...{ counting: 1, memory: 1, resident: 13, scaling: 1, matrix: 12, paper: 1, adaptation: 110 },
  ...{ "training-spectra": 1, merging: 30, subspaces: 12, amplification: 12 },
  ...{ "which-matrices": 14, "which-rank": 7, "linear-teacher": 9, "planted-controls": 5 },
  ...{ "full-rank-shift": 5, "rotated-digits": 11, "planted-transformer": 70, facts: 12 },
  ...{ "full-size-layer": 1, "real-adapter": 1 },
};
