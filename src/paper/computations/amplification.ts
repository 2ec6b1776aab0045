/** Table 7: norms in subspaces. @module */

import { byFormula, type Computation, type Computations } from "../computation.ts";
import { gpt3 } from "../models.ts";
import { measured } from "../printed/mod.ts";

const printed = (row: string, column: string): number => Number(measured("table7", row, column));

const random = (r: number, reason?: string): Computation =>
  byFormula("randomProjectionNorm", { r, N_W: printed(`r = ${r}`, "norm of W_q"), d: gpt3.d }, {
    reason,
  });

/** The amplification factor from the printed norms. */
export function amplificationAt(r: number, reason?: string): Computation {
  const row = `r = ${r}`;
  const norms = {
    N_D: printed(row, "norm of ΔW_q"),
    N_UV: printed(row, "directions of ΔW_q"),
  };
  return byFormula("amplificationFactor", norms, { reason });
}

const factor = "amplification (section 7.3, appendix H.4)";

/** Values by chance, and the factors. */
export const amplification: Computations = {
  "r = 4: random directions": random(4),
  "r = 64: random directions": random(
    64,
    "ours is the root mean square over all draws, the printed value is one draw",
  ),
  [`r = 4: ${factor}`]: amplificationAt(4, "the printed norms allow 21.25 to 21.95"),
  [`r = 64: ${factor}`]: amplificationAt(64),
};
