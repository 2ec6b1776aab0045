/** How long each experiment takes. @module */

/**
 * Seconds on two cores with OpenBLAS, one seed, nothing read from earlier runs, in the proportions of a whole
 * run's `seconds` in `results.json`. Only their ratios count for the progress bar and the time left.
 */
export const expectedSeconds: Readonly<Record<string, number>> = {
  counting: 1,
  memory: 1,
  paper: 1,
  scaling: 1,
  "quantized-memory": 1,
  "which-matrices": 3,
  "which-rank": 2,
  subspaces: 2,
  amplification: 4,
  matrix: 4,
  adaptation: 18,
  methods: 1,
  "methods-budget": 1,
  "methods-e2e": 1,
  "encoder-study": 1,
  "training-spectra": 1,
  merging: 4,
  survival: 6,
  latency: 10,
  "latency-medium": 1,
  resident: 6,
  "linear-teacher": 5,
  "planted-controls": 3,
  "full-rank-shift": 3,
  "rotated-digits": 5,
  facts: 5,
  "planted-transformer": 1,
  supersenses: 1,
  "methods-kinds": 1,
  "methods-texts": 1,
  "low-data": 1,
  regret: 1,
  "step-cost": 4,
  "full-size-layer": 1,
  "real-adapter": 1,
};
