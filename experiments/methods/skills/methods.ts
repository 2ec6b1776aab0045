/** The methods that the paper compares, as data: decision 0058 has the table that this one follows. @module */

import type { SiteRole } from "../../../src/core/update.ts";
import { type MethodSize, oneSize, type StudiedMethod } from "../methods.ts";

/** LoRA on some matrices at one rank, α = 2r. */
export const loraSize = (sites: "all" | readonly SiteRole[], rank: number): MethodSize => ({
  size: `r = ${rank}`,
  spec: { kind: "lora", rank, alpha: 2 * rank, sites },
});

/** A bottleneck of one width. */
const width = (variant: "houlsby" | "lin" | "pfeiffer", size: number): MethodSize => ({
  size: `m = ${size}`,
  spec: { kind: "bottleneck", variant, size },
});

/** A prefix of one length. */
const tokens = (kind: "prefix-embedding" | "prefix-layer", length: number): MethodSize => ({
  size: `${length} tokens`,
  spec: { kind, length },
});

/** LoRA on q and v, which the others are compared with. */
export const lora = "lora-qv";

/** Methods that need not gain from a larger size, by figure 2. */
export const prefixes: readonly string[] = ["prefix-embedding", "prefix-layer"];

/** All that are compared on skills, in the order of the tables. */
export const skillMethods: readonly StudiedMethod[] = [
  {
    ...{ key: "full", label: "full fine-tuning", family: "full", prior: 3e-3 },
    sizes: oneSize("all", { kind: "full" }),
  },
  {
    ...{ key: "top-layers", label: "top layer", family: "full", prior: 3e-3 },
    sizes: oneSize("1 block", { kind: "top-layers", layers: 1 }),
  },
  {
    ...{ key: "bitfit", label: "BitFit", family: "biases", prior: 3e-2 },
    sizes: oneSize("biases", { kind: "bitfit" }),
  },
  {
    ...{ key: "adapter-h", label: "adapters H", family: "adapter", prior: 1e-2 },
    sizes: [
      width("houlsby", 4),
      ...[1, 16].map((size) => width("houlsby", size)),
      { ...width("houlsby", 64), prior: 3e-3 },
    ],
  },
  {
    ...{ key: "adapter-l", label: "adapters L", family: "adapter", prior: 1e-2 },
    sizes: [width("lin", 8)],
  },
  {
    ...{ key: "adapter-p", label: "adapters P", family: "adapter", prior: 1e-2 },
    sizes: [width("pfeiffer", 8)],
  },
  {
    ...{ key: "prefix-embedding", label: "prefix-embedding", family: "prefix", prior: 1e-1 },
    sizes: [
      tokens("prefix-embedding", 32),
      ...[2, 8].map((length) => tokens("prefix-embedding", length)),
    ],
  },
  {
    ...{ key: "prefix-layer", label: "prefix-layer", family: "prefix", prior: 1e-1 },
    sizes: [
      tokens("prefix-layer", 16),
      ...[2, 8, 32].map((length) => tokens("prefix-layer", length)),
    ],
  },
  {
    ...{ key: lora, label: "LoRA (q, v)", family: "LoRA", prior: 1e-2 },
    sizes: [
      loraSize(["q", "v"], 4),
      { ...loraSize(["q", "v"], 1), prior: 3e-2 },
      ...[16, 64].map((rank) => ({ ...loraSize(["q", "v"], rank), prior: 3e-3 })),
    ],
  },
  {
    ...{ key: "lora-all", label: "LoRA (all linears)", family: "LoRA", prior: 1e-2 },
    sizes: [loraSize("all", 1), { ...loraSize("all", 4), prior: 3e-3 }],
  },
];
