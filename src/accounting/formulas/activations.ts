/** Bytes of activations. @module */

import { type Formula, formula } from "../formula.ts";

const bytes = (meaning: string, expression: string, source: string): Formula =>
  formula(meaning, expression, "bytes", source);

const korthikanti = "Korthikanti et al. 2022";

/** What the backward pass needs from the forward pass, at two bytes per value. */
export const activationFormulas: Readonly<Record<string, Formula>> = {
  activationBytes: bytes(
    "activations of all blocks; the last term is the attention probabilities",
    "L * s * b * (34 * d + 5 * a * s)",
    `${korthikanti}, equation 1`,
  ),
  flashActivationBytes: bytes(
    "activations of all blocks when attention does not store probabilities",
    "34 * L * s * b * d",
    `${korthikanti}, equation 1 without its second term; Dao et al. 2022`,
  ),
  checkpointedActivationBytes: bytes(
    "inputs of all blocks, and one block's activations while it is recomputed",
    "2 * L * s * b * d + s * b * (34 * d + 5 * a * s)",
    `${korthikanti}, section 5`,
  ),
};
