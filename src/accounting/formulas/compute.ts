/** Operations and time. @module */

import { type Formula, formula } from "../formula.ts";

/** Compute per training token, and the time that added depth costs. */
export const computeFormulas: Readonly<Record<string, Formula>> = {
  fullComputePerToken: formula(
    "training step: two operations per weight forward, four backward; P counts the matrices that multiply, " +
      "and the products inside attention are left out",
    "6 * P",
    "FLOP",
    "Kaplan et al. 2020, section 2.1",
  ),
  frozenComputePerToken: formula(
    "training step through frozen weights: their own gradients are not computed",
    "4 * P",
    "FLOP",
    "Hu et al. 2021, section 4.2 (no gradient of most parameters)",
  ),
  loraComputePerToken: formula(
    "training step of A and B of one matrix",
    "6 * r * (d_in + d_out)",
    "FLOP",
    "Hu et al. 2021, equation 3",
  ),
  adaptedComputePerToken: formula(
    "training step of an adapted model: no gradients of its frozen weights",
    "4 * P_f + 6 * P_t",
    "FLOP",
    "Hu et al. 2021, section 4.2; at most a third less than full fine-tuning",
  ),
  loraForwardPerToken: formula(
    "forward pass of an unmerged update of one matrix; zero once merged",
    "2 * r * (d_in + d_out)",
    "FLOP",
    "Hu et al. 2021, equation 3",
  ),
  addedDepthTime: formula(
    "forward pass with layers added in sequence: each adds waiting time and computation",
    "t_0 + n_step * t_step + b * s * F / v",
    "ms",
    "Hu et al. 2021, section 3, table 1 and figure 5",
  ),
  slowdownPercent: formula(
    "time added to a pass, in percent of the pass without it",
    "100 * (t - t_0) / t_0",
    "percent",
    "Hu et al. 2021, table 1",
  ),
  throughputGainPercent: formula(
    "tokens gained in the same time, in percent",
    "100 * (t_0 / t - 1)",
    "percent",
    "Hu et al. 2021, section 4.2 (its 25% is the time saved)",
  ),
  timeSavedPercent: formula(
    "time saved for the same tokens, in percent",
    "100 * (1 - t / t_0)",
    "percent",
    "Hu et al. 2021, section 4.2 (25%)",
  ),
};
