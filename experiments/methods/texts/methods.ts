/** The methods that classify texts with MiniLM-L6. @module */

import { classifierMethods } from "../classifiers.ts";
import type { StudiedMethod } from "../methods.ts";

/**
 * All that are compared, in the order of the tables: LoRA on q and v at r = 8 trains 73,728 values besides the
 * head, and the others as many where they can (decision 0031).
 */
export const textMethods: readonly StudiedMethod[] = classifierMethods({
  blocks: 2,
  adapters: { h: 8, p: 16, d: 32, leaveOut: [0, 1, 2] },
  tokens: 8,
  ranks: { qv: 8, all: 2, vera: 256 },
  priors: {
    ...{ full: 3e-4, "top-layers": 1e-3, bitfit: 1e-2 },
    ...{ "adapter-h": 3e-3, "adapter-p": 3e-3, "adapter-d": 3e-3 },
    ...{ "prefix-embedding": 3e-2, "prefix-layer": 3e-2 },
    ...{ "lora-qv": 1e-2, "lora-all": 3e-3, vera: 3e-2 },
  },
});
