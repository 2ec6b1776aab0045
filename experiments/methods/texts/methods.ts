/** The methods that classify texts with MiniLM-L6. @module */

import type { MethodSpec } from "../../../src/runs/mod.ts";
import { oneSize, type StudiedMethod } from "../methods.ts";

/** The head is new, and trained in full beside every method. */
const modulesToSave = ["classifier"];

const adapters = (
  letter: "h" | "p" | "d",
  spec: Omit<Extract<MethodSpec, { kind: "bottleneck" }>, "kind">,
): StudiedMethod => ({
  ...{ key: `adapter-${letter}`, label: `adapters ${letter.toUpperCase()}`, family: "adapter" },
  prior: 3e-3,
  sizes: oneSize(`m = ${spec.size}`, { kind: "bottleneck", ...spec, modulesToSave }),
});

const prefix = (kind: "prefix-embedding" | "prefix-layer"): StudiedMethod => ({
  ...{ key: kind, label: kind, family: "prefix", prior: 3e-2 },
  sizes: oneSize("8 tokens", { kind, length: 8, modulesToSave }),
});

/** LoRA on q and v; α = r. */
const lora = (key: string, label: string, rank: number, prior: number): StudiedMethod => ({
  ...{ key, label, family: "LoRA", prior },
  sizes: oneSize(`r = ${rank}`, {
    ...{ kind: "lora", rank, alpha: rank, sites: ["q", "v"], modulesToSave },
  }),
});

/**
 * All that are compared, in the order of the tables: LoRA at r = 8, the paper's rank for RoBERTa (table 9), trains
 * 73,728 values besides the head, and the others as many where they can (decision 0057).
 */
export const textMethods: readonly StudiedMethod[] = [
  {
    ...{ key: "full", label: "full fine-tuning", family: "full", prior: 1e-4 },
    sizes: oneSize("all", { kind: "full" }),
  },
  lora("lora-qv", "LoRA (q, v)", 8, 3e-3),
  lora("lora-qv-1", "LoRA (q, v), r = 1", 1, 1e-2),
  {
    ...{ key: "bitfit", label: "BitFit", family: "biases", prior: 3e-3 },
    sizes: oneSize("biases", { kind: "bitfit", modulesToSave }),
  },
  adapters("h", { variant: "houlsby", size: 8 }),
  adapters("p", { variant: "pfeiffer", size: 16 }),
  adapters("d", { variant: "drop", size: 32, leaveOut: [0, 1, 2] }),
  prefix("prefix-embedding"),
  prefix("prefix-layer"),
];

/** The name of a method in tables. */
export const labelOf = (wanted: string): string =>
  textMethods.find(({ key }) => key === wanted)!.label;

/** Methods of table 16. */
export const fewMethods: readonly StudiedMethod[] = textMethods.filter(({ key }) =>
  ["full", "lora-qv", "prefix-embedding", "prefix-layer"].includes(key)
);

/** No two methods share a seed: the second of the third method is 302. */
export const ownSeed = ({ key }: Pick<StudiedMethod, "key">, seed: number): number =>
  100 * (1 + textMethods.findIndex((method) => method.key === key)) + seed;
