/** Norms in subspaces. @module */

import { type Formula, formula } from "../formula.ts";

/** What section 7.3 of the paper compares, and its value by chance. */
export const subspaceFormulas: Readonly<Record<string, Formula>> = {
  amplificationFactor: formula(
    "norm of an update over the weight's norm in the same directions",
    "N_D / N_UV",
    "ratio",
    "Hu et al. 2021, section 7.3",
  ),
  randomProjectionNorm: formula(
    "root mean square of a square weight's norm in random directions",
    "r * N_W / d",
    "values",
    "Hu et al. 2021, table 7 (random column); U and V uniform and independent",
  ),
};
