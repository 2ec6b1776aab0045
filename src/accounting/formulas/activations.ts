/** Bytes of activations. @module */

import { type Formula, formula } from "../formula.ts";

const bytes = (meaning: string, expression: string, source: string): Formula =>
  formula(meaning, expression, "bytes", source);

const korthikanti = "Korthikanti et al. 2022";

/** What the backward pass needs of the forward pass, in two bytes a value. */
export const activationFormulas: Readonly<Record<string, Formula>> = {
  activationBytes: bytes(
    "activations of all blocks, of which the last term is the attention's probabilities",
    "L * s * b * (34 * d + 5 * a * s)",
    `${korthikanti}, equation 1`,
  ),
  flashActivationBytes: bytes(
    "activations of all blocks where the attention keeps no probabilities",
    "34 * L * s * b * d",
    `${korthikanti}, equation 1 without its second term; Dao et al. 2022`,
  ),
  checkpointedActivationBytes: bytes(
    "inputs of all blocks, and one block's activations while it is computed again",
    "2 * L * s * b * d + s * b * (34 * d + 5 * a * s)",
    `${korthikanti}, section 5`,
  ),
};
