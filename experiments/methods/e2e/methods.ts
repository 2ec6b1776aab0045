/**
 * Table 3's methods on GPT-2 medium, as data: decision 0030 has the table that this one follows. A prior here is three
 * times that of the table: every grid was extended by one half-decade above, before any reported run.
 *
 * @module
 */

import { oneSize, type StudiedMethod } from "../methods.ts";

/** The method that the others are compared with. */
export const lora = "lora-qv";

/** All that are compared, in the order of the paper's table. */
export const e2eMethods: readonly StudiedMethod[] = [
  {
    ...{ key: "full", label: "full fine-tuning", family: "full", prior: 3e-4 },
    sizes: oneSize("all", { kind: "full" }),
  },
  {
    ...{ key: "adapter-l", label: "small adapters L", family: "adapter", prior: 1e-2 },
    sizes: oneSize("m = 5", { kind: "bottleneck", variant: "lin", size: 5 }),
  },
  {
    ...{ key: "adapter-l-large", label: "large adapters L", family: "adapter", prior: 3e-3 },
    sizes: oneSize("m = 120", { kind: "bottleneck", variant: "lin", size: 120 }),
  },
  {
    ...{ key: "adapter-h-large", label: "large adapters H", family: "adapter", prior: 3e-3 },
    sizes: oneSize("m = 60", { kind: "bottleneck", variant: "houlsby", size: 60 }),
  },
  {
    ...{ key: "top-layers", label: "top layers", family: "full", prior: 1e-3 },
    sizes: oneSize("2 blocks", { kind: "top-layers", layers: 2 }),
  },
  {
    ...{ key: "prefix-layer", label: "prefix-layer", family: "prefix", prior: 1e-1 },
    sizes: oneSize("13 tokens", { kind: "prefix-layer", length: 13 }),
  },
  {
    ...{ key: lora, label: "LoRA (q, v)", family: "LoRA", prior: 3e-3 },
    sizes: oneSize("r = 4", { kind: "lora", rank: 4, alpha: 32, sites: ["q", "v"] }),
  },
];
