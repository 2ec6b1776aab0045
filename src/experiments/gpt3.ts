/** GPT-3 175B's shape, and what the paper prints about it. @module */

// Not from its mod.ts, which loads mathjs.
import { catalogue } from "../accounting/models/catalogue.ts";
import { type Gpt2Config, parseGpt2Config } from "../models/mod.ts";

/**
 * GPT-3 175B as a GPT-2 of its size (Brown et al. 2020, table 2.1): 96 blocks of width 12,288, 96 heads,
 * length 2,048, GPT-2's vocabulary. Its locally banded attention has the same parameters.
 */
export const gpt3: Gpt2Config = parseGpt2Config(catalogue["gpt3-175b"].config);

/** Figures printed in the paper (Hu et al. 2021, version 2), quoted. */
export const printed = {
  /** Section 1: "10,000 times". */
  parameterReduction: 10_000,
  /** Section 1: "3 times". */
  memoryReduction: 3,
} as const;
