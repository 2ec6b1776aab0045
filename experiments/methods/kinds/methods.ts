/** The methods that classify, each with a new head that is trained in full. @module */

import type { StudiedMethod } from "../methods.ts";

const modulesToSave = ["classifier"];

/** All that are compared on kinds of nouns, in the order of the tables. */
export const kindsMethods: readonly StudiedMethod[] = [
  {
    key: "full",
    label: "full fine-tuning",
    family: "full",
    prior: 3e-3,
    sizes: [{ size: "all", spec: { kind: "full" } }],
  },
  {
    key: "bitfit",
    label: "BitFit",
    family: "biases",
    prior: 3e-2,
    sizes: [{ size: "biases", spec: { kind: "bitfit", modulesToSave } }],
  },
  {
    key: "lora-qv",
    label: "LoRA (q, v)",
    family: "LoRA",
    prior: 1e-2,
    sizes: [{
      size: "r = 8",
      spec: { kind: "lora", rank: 8, alpha: 8, sites: ["q", "v"], modulesToSave },
    }],
  },
  {
    key: "lora-all",
    label: "LoRA (all linears)",
    family: "LoRA",
    prior: 1e-2,
    sizes: [{
      size: "r = 2",
      spec: { kind: "lora", rank: 2, alpha: 2, sites: "all", modulesToSave },
    }],
  },
];
