/** The methods that classify kinds of nouns. @module */

import { classifierMethods } from "../classifiers.ts";
import type { StudiedMethod } from "../methods.ts";

/**
 * All that are compared on kinds of nouns, in the order of the tables; at one size, as figure 2 is drawn on skills.
 * Beside the longest entry, of 60 tokens, the base has room for 4.
 */
export const kindsMethods: readonly StudiedMethod[] = classifierMethods({
  blocks: 1,
  adapters: { h: 8, p: 16, d: 32, leaveOut: [0] },
  tokens: 4,
  ranks: { qv: 8, all: 2, vera: 64 },
  priors: {
    ...{ full: 3e-3, "top-layers": 3e-3, bitfit: 3e-2 },
    ...{ "adapter-h": 1e-2, "adapter-p": 1e-2, "adapter-d": 1e-2 },
    ...{ "prefix-embedding": 3e-2, "prefix-layer": 3e-2 },
    ...{ "lora-qv": 1e-2, "lora-all": 1e-2, vera: 1e-1 },
  },
});
