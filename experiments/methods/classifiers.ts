/** The methods that are compared on classifiers, each with a new head that is trained in full. @module */

import { howMany } from "../../src/core/numbers.ts";
import type { MethodSpec } from "../../src/runs/mod.ts";
import type { StudiedMethod } from "./methods.ts";

/** The key of a method that classifies. */
export type ClassifierKey =
  | "full"
  | "top-layers"
  | "bitfit"
  | `adapter-${"h" | "p" | "d"}`
  | `prefix-${"embedding" | "layer"}`
  | `lora-${"qv" | "all"}`
  | "vera";

/** Sizes of the methods on a base, and the rates at which they are tried. */
export interface ClassifierSizes {
  /** Blocks at the top that are trained whole. */
  readonly blocks: number;
  /** Widths of adapters H, P and D, and the blocks that D leaves out. */
  readonly adapters: {
    readonly h: number;
    readonly p: number;
    readonly d: number;
    readonly leaveOut: readonly number[];
  };
  /** Virtual tokens. */
  readonly tokens: number;
  /** Ranks of LoRA on q and v and on every linear layer (α = r), and of VeRA. */
  readonly ranks: Readonly<Record<"qv" | "all" | "vera", number>>;
  /** Guesses of their best rates. */
  readonly priors: Readonly<Record<ClassifierKey, number>>;
}

const modulesToSave = ["classifier"];

/** All of them on a base, in the order of the tables. One size is enough: figure 2 is drawn on skills. */
export function classifierMethods(
  { blocks, adapters: { h, p, d, leaveOut }, tokens, ranks, priors }: ClassifierSizes,
): readonly StudiedMethod[] {
  const method = (
    key: ClassifierKey,
    label: string,
    family: StudiedMethod["family"],
    size: string,
    spec: MethodSpec,
  ): StudiedMethod => ({ key, label, family, prior: priors[key], sizes: [{ size, spec }] });
  const adapter = (
    letter: "h" | "p" | "d",
    spec: Omit<Extract<MethodSpec, { kind: "bottleneck" }>, "kind">,
  ) =>
    method(
      `adapter-${letter}`,
      `adapters ${letter.toUpperCase()}`,
      "adapter",
      `m = ${spec.size}`,
      { kind: "bottleneck", ...spec, modulesToSave },
    );
  const prefix = (kind: "prefix-embedding" | "prefix-layer") =>
    method(kind, kind, "prefix", `${tokens} tokens`, { kind, length: tokens, modulesToSave });
  const lora = (key: "qv" | "all", label: string, sites: "all" | readonly ["q", "v"]) => {
    const rank = ranks[key];
    const spec = { kind: "lora", rank, alpha: rank, sites, modulesToSave } as const;
    return method(`lora-${key}`, label, "LoRA", `r = ${rank}`, spec);
  };
  return [
    method("full", "full fine-tuning", "full", "all", { kind: "full" }),
    method(
      "top-layers",
      blocks === 1 ? "top layer" : "top layers",
      "full",
      howMany(blocks, "block"),
      { kind: "top-layers", layers: blocks, modulesToSave },
    ),
    method("bitfit", "BitFit", "biases", "biases", { kind: "bitfit", modulesToSave }),
    adapter("h", { variant: "houlsby", size: h }),
    adapter("p", { variant: "pfeiffer", size: p }),
    adapter("d", { variant: "drop", size: d, leaveOut }),
    prefix("prefix-embedding"),
    prefix("prefix-layer"),
    lora("qv", "LoRA (q, v)", ["q", "v"]),
    lora("all", "LoRA (all linears)", "all"),
    method("vera", "VeRA (q, v)", "LoRA", `r = ${ranks.vera}`, {
      ...{ kind: "vera", rank: ranks.vera, sites: ["q", "v"], modulesToSave },
    }),
  ];
}
