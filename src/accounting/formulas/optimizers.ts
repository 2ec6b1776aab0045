/** Bytes that an optimizer keeps between steps. @module */

import { type Formula, formula } from "../formula.ts";

const bytes = (meaning: string, expression: string, source: string): Formula =>
  formula(meaning, expression, "bytes", source);

/** State of the trained values, in full fine-tuning or an adapter. */
export const optimizerFormulas: Readonly<Record<string, Formula>> = {
  sgdStateBytes: bytes("nothing is kept", "0 * P_t", "Robbins and Monro 1951"),
  momentumStateBytes: bytes("one F32 velocity per value", "4 * P_t", "Polyak 1964"),
  adamStateBytes: bytes("two F32 moments per value", "8 * P_t", "Kingma and Ba 2015"),
  adamw8bitStateBytes: bytes(
    "two moments of one byte per value, with an F32 scale per block of each; one tensor",
    "2 * P_t + 8 * ceil(P_t / B_q)",
    "Dettmers et al. 2022; bitsandbytes uses blocks of 256, and F32 below 4,096 values",
  ),
  adafactorStateBytes: bytes(
    "F32 row and column sums of the squared gradient; one matrix, no momentum",
    "4 * (d_in + d_out)",
    "Shazeer and Stern 2018",
  ),
  loraAdafactorStateBytes: bytes(
    "the same for A and B of one matrix: more than for the matrix itself",
    "4 * (d_in + d_out + 2 * r)",
    "Shazeer and Stern 2018",
  ),
};
