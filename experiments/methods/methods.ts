/** The methods that the paper compares, as data: decision 0027 has the table that this one follows. @module */

import type { MethodSpec } from "../../src/runs/mod.ts";
import { alpha } from "../adaptation/methods.ts";

/** A method at one size. */
export interface MethodSize {
  /** The size as tables show it: `r = 4`, `16 tokens`. */
  readonly size: string;
  /** What is trained. */
  readonly spec: MethodSpec;
  /** B's rate divided by A's, where they differ (LoRA+). */
  readonly loraPlusRatio?: number;
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

/** The sizes of a method that is measured at one alone. */
export const oneSize = (size: string, spec: MethodSpec): StudiedMethod["sizes"] => [{ size, spec }];

/** A kind of method at some numbers of one option, of which the first is the one that is compared. */
const numbered = (
  specOf: (value: number) => MethodSpec,
  sizeOf: (value: number) => string,
  [first, ...others]: readonly [number, ...number[]],
): StudiedMethod["sizes"] => {
  const at = (value: number): MethodSize => ({ size: sizeOf(value), spec: specOf(value) });
  return [at(first), ...others.map(at)];
};

/** LoRA at some ranks. */
const ranks = (
  options: Omit<Extract<MethodSpec, { kind: "lora" }>, "kind" | "rank" | "alpha">,
  values: readonly [number, ...number[]],
) =>
  numbered(
    (rank) => ({ kind: "lora", rank, alpha, ...options }),
    (rank) => `r = ${rank}`,
    values,
  );

/** Bottlenecks of some widths. */
const widths = (
  options: Omit<Extract<MethodSpec, { kind: "bottleneck" }>, "kind" | "size">,
  values: readonly [number, ...number[]],
) =>
  numbered(
    (size) => ({ kind: "bottleneck", size, ...options }),
    (size) => `m = ${size}`,
    values,
  );

/** Prefixes of some lengths. */
const lengths = (
  kind: "prefix-embedding" | "prefix-layer" | "prefix-tuning",
  values: readonly [number, ...number[]],
) => numbered((length) => ({ kind, length }), (length) => `${length} tokens`, values);

/** LoRA at r = 4 with four virtual tokens. */
const joined = (kind: "lora+prefix-embedding" | "lora+prefix-layer"): MethodSize => ({
  size: "r = 4, 4 tokens",
  spec: { kind, rank: 4, alpha, sites: ["q", "v"], length: 4 },
});

/** All that are compared on glosses, in the order of the tables. */
export const glossMethods: readonly StudiedMethod[] = [
  {
    ...{ key: "full", label: "full fine-tuning", family: "full", prior: 1e-3 },
    sizes: [{ size: "all", spec: { kind: "full" } }],
  },
  {
    ...{ key: "top-layers", label: "top layer", family: "full", prior: 3e-3 },
    sizes: [{ size: "1 block", spec: { kind: "top-layers", layers: 1 } }],
  },
  {
    ...{ key: "bitfit", label: "BitFit", family: "biases", prior: 3e-2 },
    sizes: [{ size: "biases", spec: { kind: "bitfit" } }],
  },
  {
    ...{ key: "adapter-h", label: "adapters H", family: "adapter", prior: 1e-2 },
    sizes: widths({ variant: "houlsby" }, [4, 1, 16, 64]),
  },
  {
    ...{ key: "adapter-l", label: "adapters L", family: "adapter", prior: 1e-2 },
    sizes: widths({ variant: "lin" }, [8, 32, 128]),
  },
  {
    ...{ key: "adapter-p", label: "adapters P", family: "adapter", prior: 1e-2 },
    sizes: widths({ variant: "pfeiffer" }, [8, 2, 32, 128]),
  },
  {
    ...{ key: "adapter-d", label: "adapters D", family: "adapter", prior: 1e-2 },
    sizes: widths({ variant: "drop", leaveOut: [0] }, [16]),
  },
  {
    ...{ key: "prefix-embedding", label: "prefix-embedding", family: "prefix", prior: 3e-2 },
    sizes: lengths("prefix-embedding", [16, 4, 8]),
  },
  {
    ...{ key: "prefix-layer", label: "prefix-layer", family: "prefix", prior: 3e-2 },
    sizes: lengths("prefix-layer", [16, 4, 8]),
  },
  {
    ...{ key: "prefix-tuning", label: "prefix tuning", family: "prefix", prior: 3e-2 },
    sizes: lengths("prefix-tuning", [8, 2, 16]),
  },
  {
    ...{ key: "lora-qv", label: "LoRA (q, v)", family: "LoRA", prior: 1e-2 },
    sizes: ranks({ sites: ["q", "v"] }, [4, 1, 16, 64]),
  },
  {
    ...{ key: "lora-all", label: "LoRA (all linears)", family: "LoRA", prior: 1e-2 },
    sizes: ranks({ sites: "all" }, [1, 4, 16]),
  },
  {
    ...{ key: "lora+pe", label: "LoRA (q, v) and prefix-embedding", family: "LoRA and prefix" },
    prior: 1e-2,
    sizes: [joined("lora+prefix-embedding")],
  },
  {
    ...{ key: "lora+pl", label: "LoRA (q, v) and prefix-layer", family: "LoRA and prefix" },
    prior: 1e-2,
    sizes: [joined("lora+prefix-layer")],
  },
  {
    ...{ key: "rslora", label: "rsLoRA (q, v)", family: "LoRA", prior: 3e-3 },
    sizes: ranks({ sites: ["q", "v"], rankStabilized: true }, [4, 64]),
  },
  {
    ...{ key: "dora", label: "DoRA (the fused q, k, v)", family: "LoRA", prior: 1e-2 },
    sizes: ranks({ targetModules: ["c_attn"], dora: true }, [4]),
  },
  {
    ...{ key: "lora-plus", label: "LoRA+ (q, v), B's rate 16 times A's", family: "LoRA" },
    prior: 1e-3,
    sizes: [{ ...ranks({ sites: ["q", "v"] }, [4])[0], loraPlusRatio: 16 }],
  },
  {
    ...{ key: "pissa", label: "PiSSA (q, v)", family: "LoRA", prior: 3e-3 },
    sizes: ranks({ sites: ["q", "v"], init: "pissa" }, [4]),
  },
  {
    ...{ key: "vera", label: "VeRA (the fused q, k, v)", family: "LoRA", prior: 1e-1 },
    sizes: numbered(
      (rank) => ({ kind: "vera", rank, targetModules: ["c_attn"] }),
      (rank) => `r = ${rank}`,
      [64, 256],
    ),
  },
];
