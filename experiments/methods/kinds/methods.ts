/** The methods that classify, each with a new head that is trained in full. @module */

import { oneSize, type StudiedMethod } from "../methods.ts";

const modulesToSave = ["classifier"];

/**
 * All that are compared on kinds of nouns, in the order of the tables; at one size, as figure 2 is drawn on glosses.
 * Beside the longest entry, of 60 tokens, the base has room for 4.
 */
export const kindsMethods: readonly StudiedMethod[] = [
  {
    ...{ key: "full", label: "full fine-tuning", family: "full", prior: 3e-3 },
    sizes: oneSize("all", { kind: "full" }),
  },
  {
    ...{ key: "top-layers", label: "top layer", family: "full", prior: 3e-3 },
    sizes: oneSize("1 block", { kind: "top-layers", layers: 1, modulesToSave }),
  },
  {
    ...{ key: "bitfit", label: "BitFit", family: "biases", prior: 3e-2 },
    sizes: oneSize("biases", { kind: "bitfit", modulesToSave }),
  },
  {
    ...{ key: "adapter-h", label: "adapters H", family: "adapter", prior: 1e-2 },
    sizes: oneSize("m = 8", { kind: "bottleneck", variant: "houlsby", size: 8, modulesToSave }),
  },
  {
    ...{ key: "adapter-p", label: "adapters P", family: "adapter", prior: 1e-2 },
    sizes: oneSize("m = 16", { kind: "bottleneck", variant: "pfeiffer", size: 16, modulesToSave }),
  },
  {
    ...{ key: "adapter-d", label: "adapters D", family: "adapter", prior: 1e-2 },
    sizes: oneSize("m = 32", {
      ...{ kind: "bottleneck", variant: "drop", size: 32, leaveOut: [0] },
      modulesToSave,
    }),
  },
  {
    ...{ key: "prefix-embedding", label: "prefix-embedding", family: "prefix", prior: 3e-2 },
    sizes: oneSize("4 tokens", { kind: "prefix-embedding", length: 4, modulesToSave }),
  },
  {
    ...{ key: "prefix-layer", label: "prefix-layer", family: "prefix", prior: 3e-2 },
    sizes: oneSize("4 tokens", { kind: "prefix-layer", length: 4, modulesToSave }),
  },
  {
    ...{ key: "lora-qv", label: "LoRA (q, v)", family: "LoRA", prior: 1e-2 },
    sizes: oneSize("r = 8", { kind: "lora", rank: 8, alpha: 8, sites: ["q", "v"], modulesToSave }),
  },
  {
    ...{ key: "lora-all", label: "LoRA (all linears)", family: "LoRA", prior: 1e-2 },
    sizes: oneSize("r = 2", { kind: "lora", rank: 2, alpha: 2, sites: "all", modulesToSave }),
  },
  {
    ...{ key: "vera", label: "VeRA (q, v)", family: "LoRA", prior: 1e-1 },
    sizes: oneSize("r = 64", { kind: "vera", rank: 64, sites: ["q", "v"], modulesToSave }),
  },
];
