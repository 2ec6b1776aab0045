/** GPT-3 175B's shape, and what the paper prints about it. @module */

import { catalog } from "../src/architectures/mod.ts";
import { type Gpt2Config, parseGpt2Config } from "../src/models/mod.ts";
import { measured } from "../src/paper/printed/mod.ts"; // paper/mod.ts would load mathjs
import { printedValue } from "../src/paper/printed_number.ts";

/**
 * GPT-3 175B as a GPT-2 of its size (Brown et al. 2020, table 2.1): 96 blocks of width 12,288, 96 heads,
 * length 2,048, GPT-2's vocabulary. Its locally banded attention has the same parameters.
 */
export const gpt3: Gpt2Config = parseGpt2Config(catalog["gpt3-175b"].config);

/** The paper's two headlines about it, quoted. */
export const printed = {
  parameterReduction: printedValue(measured("text", "abstract: fewer trained parameters")), // 10,000
  memoryReduction: printedValue(measured("text", "abstract: less GPU memory")), // 3
} as const;
