/** The methods that the paper compares, as data: decision 0027 has the table that this one follows. @module */

import type { MethodSpec } from "../../src/runs/mod.ts";
import { alpha } from "../adaptation/methods.ts";

/** A method at one size. */
export interface MethodSize {
  /** The size as tables show it: `r = 4`, `16 tokens`. */
  readonly size: string;
  /** What is trained. */
  readonly spec: MethodSpec;
}

/** A method that is compared. */
export interface StudiedMethod {
  /** Its key in `learning_rates.json`. */
  readonly key: string;
  /** Its name in tables. */
  readonly label: string;
  /** Which of the paper's families it is of: its color in figures. */
  readonly family: "full" | "biases" | "adapter" | "prefix" | "LoRA" | "LoRA and prefix";
  /** A guess of its best rate, written down before any run. */
  readonly prior: number;
  /** Its sizes: all methods are compared at the first, which rates are searched at, too. */
  readonly sizes: readonly [MethodSize, ...MethodSize[]];
}

/** LoRA at some ranks. */
const ranks = (
  options: Omit<Extract<MethodSpec, { kind: "lora" }>, "kind" | "rank" | "alpha">,
  [first, ...others]: readonly [number, ...number[]],
): StudiedMethod["sizes"] => {
  const at = (rank: number): MethodSize => ({
    size: `r = ${rank}`,
    spec: { kind: "lora", rank, alpha, ...options },
  });
  return [at(first), ...others.map(at)];
};

/** All that are compared on glosses, in the order of the tables. */
export const glossMethods: readonly StudiedMethod[] = [
  {
    key: "full",
    label: "full fine-tuning",
    family: "full",
    prior: 1e-3,
    sizes: [{ size: "all", spec: { kind: "full" } }],
  },
  {
    key: "bitfit",
    label: "BitFit",
    family: "biases",
    prior: 3e-2,
    sizes: [{ size: "biases", spec: { kind: "bitfit" } }],
  },
  {
    key: "lora-qv",
    label: "LoRA (q, v)",
    family: "LoRA",
    prior: 1e-2,
    sizes: ranks({ sites: ["q", "v"] }, [4, 1, 16, 64]),
  },
  {
    key: "lora-all",
    label: "LoRA (all linears)",
    family: "LoRA",
    prior: 1e-2,
    sizes: ranks({ sites: "all" }, [1, 4, 16]),
  },
  {
    key: "rslora",
    label: "rsLoRA (q, v)",
    family: "LoRA",
    prior: 3e-3,
    sizes: ranks({ sites: ["q", "v"], rankStabilized: true }, [4, 64]),
  },
  {
    key: "dora",
    label: "DoRA (the fused q, k, v)",
    family: "LoRA",
    prior: 1e-2,
    sizes: ranks({ targetModules: ["c_attn"], dora: true }, [4]),
  },
];
