/** Bytes that an optimiser keeps between steps. @module */

import { type Formula, formula } from "../formula.ts";

const bytes = (meaning: string, expression: string, source: string): Formula =>
  formula(meaning, expression, "bytes", source);

/** State of the trained values, full fine-tuning's or an adapter's. */
export const optimizerFormulas: Readonly<Record<string, Formula>> = {
  sgdStateBytes: bytes("nothing is kept", "0 * P_t", "Robbins and Monro 1951"),
  momentumStateBytes: bytes("one F32 velocity a value", "4 * P_t", "Polyak 1964"),
  adamStateBytes: bytes("two F32 moments a value", "8 * P_t", "Kingma and Ba 2015"),
  adam8bitStateBytes: bytes(
    "two moments of one byte a value, an F32 scale for each block of both; one tensor",
    "2 * P_t + 8 * ceil(P_t / B_q)",
    "Dettmers et al. 2022; bitsandbytes has blocks of 256, and F32 below 4,096 values",
  ),
  adafactorStateBytes: bytes(
    "F32 sums of the squared gradient's rows and columns; one matrix, no momentum",
    "4 * (d_in + d_out)",
    "Shazeer and Stern 2018",
  ),
  loraAdafactorStateBytes: bytes(
    "the same for A and B of one matrix: more than the matrix itself takes",
    "4 * (d_in + d_out + 2 * r)",
    "Shazeer and Stern 2018",
  ),
};
