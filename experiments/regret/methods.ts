/** Methods that are compared with full fine-tuning, and their runs. @module */

import type { MethodSpec } from "../../src/runs/mod.ts";

/** Modules that LoRA adapts. */
export type Places = "all" | "attention" | "mlp";

/** A compared method. */
export interface RegretMethod {
  /** Its key in `learning_rates.json` and in the rows. */
  readonly key: string;
  /** Its name in tables and figures. */
  readonly label: string;
  /** The rank of its updates; absent for full fine-tuning. */
  readonly rank?: number;
  /** The method in a run's specification. */
  readonly spec: MethodSpec;
}

/** α at every rank, as in the post. */
export const alpha = 32;

const sites = { all: "all", attention: ["q", "k", "v", "o"], mlp: ["up", "down"] } as const;
const names = { all: "LoRA", attention: "LoRA on attention", mlp: "LoRA on the MLPs" } as const;

/** Every parameter of the model. */
export const full: RegretMethod = {
  key: "full",
  label: "full fine-tuning",
  spec: { kind: "full" },
};

/** LoRA on some of the linear layers. */
export function loraOn(places: Places, rank: number): RegretMethod {
  const spec = { kind: "lora", rank, alpha, sites: sites[places] } as const;
  return { key: `${places}-${rank}`, label: `${names[places]}, r = ${rank}`, rank, spec };
}

/** The ranks of LoRA on all layers. */
export const ranks: readonly number[] = [1, 4, 16, 64];

/** LoRA on all layers, at each rank. */
export const onAllLayers: readonly RegretMethod[] = ranks.map((rank) => loraOn("all", rank));

/** Attention alone and the MLPs alone; the first and the last have as many trained values. */
export const onSomeLayers: readonly RegretMethod[] = [
  loraOn("attention", 20),
  loraOn("attention", 32),
  loraOn("mlp", 16),
];

/** A method on a task of some size. */
export interface Setting {
  /** WordNet's pairs in small steps, the same pairs in large steps, or invented facts. */
  readonly part: "pairs" | "batch" | "facts";
  /** The trained method. */
  readonly method: RegretMethod;
  /** Pairs in a step, or the number of facts. */
  readonly size: number;
  /** Steps of a run. */
  readonly steps: number;
}

/** Steps of the runs on pairs and on facts. */
export const pairSteps = 120, factSteps = 160;

/** Pairs in a small and in a large step. */
export const pairSize = 8, largeSize = 64;

/** Numbers of facts: few and many. */
export const factCounts = [64, 256] as const;

/** Full fine-tuning, and LoRA on all layers. */
export const everywhere: readonly RegretMethod[] = [full, ...onAllLayers];

/** Every cell of the experiment. */
export const settings: readonly Setting[] = [
  ...[...everywhere, ...onSomeLayers].map((method): Setting => {
    return { part: "pairs", method, size: pairSize, steps: pairSteps };
  }),
  ...[full, loraOn("all", 4), loraOn("all", 64)].map((method): Setting => {
    return { part: "batch", method, size: largeSize, steps: pairSteps * pairSize / largeSize };
  }),
  ...factCounts.flatMap((size) =>
    everywhere.map((method): Setting => {
      return { part: "facts", method, size, steps: factSteps };
    })
  ),
];

/** Settings whose rates are searched: the search with the most facts serves both numbers. */
export const searchedSettings: readonly Setting[] = settings.filter(({ part, size }) =>
  part !== "facts" || size === factCounts[1]
);
