/** Bottleneck adapters (Houlsby et al. 2019 and its variants). @module */

import { assertLeftOut, blocksOf } from "../architectures/architecture.ts";
import type { Method, Uncounted } from "./method.ts";
import { counts, modulesToSave, oneOf, positive } from "./option.ts";
import type { CountedModules } from "./selection.ts";
import { blockWidth } from "./prefix.ts";

/** A form of bottleneck adapters that the LoRA paper compares with (Hu et al. 2021, section 5.1). */
export type BottleneckVariant = "houlsby" | "lin" | "pfeiffer" | "drop";

/** Formulas of the variants' counts. */
const formulas: Readonly<Record<BottleneckVariant, string>> = {
  houlsby: "adapterHParameters",
  lin: "adapterLParameters",
  pfeiffer: "adapterPParameters",
  drop: "adapterPParameters",
};

/** The names of the variants. */
export const bottleneckVariants = Object.keys(formulas) as readonly BottleneckVariant[];

/** The function between the two projections, by the `adapters` library's name. */
export type NonLinearity = "relu" | "swish" | "gelu" | "gelu_new" | "tanh";

/** The names of the non-linearities. */
export const nonLinearities: readonly NonLinearity[] = [
  "relu",
  "swish",
  "gelu",
  "gelu_new",
  "tanh",
];

/** Bottlenecks of a width, without those of some layers. */
export interface CountedBottlenecks {
  /** m. */
  readonly size: number;
  /** Their places in a block. Default `houlsby`. */
  readonly variant?: "houlsby" | "lin" | "pfeiffer" | "drop";
  /** Layers without one. Default: none. */
  readonly leaveOut?: readonly number[];
}

/** Small networks after the sublayers of a model. */
export const bottleneck: Method<
  "bottleneck",
  CountedBottlenecks & CountedModules & Uncounted<"nonLinearity" | "init">
> = {
  kind: "bottleneck",
  summary: "small networks after sublayers",
  options: {
    variant: {
      ...oneOf(...bottleneckVariants),
      ...{ flag: "--variant <name>", help: "form of the adapters (default: houlsby)" },
    },
    size: {
      ...positive,
      ...{ flag: "--size <m>", reads: "whole number" },
      help: "width between its projections (default: 16)",
    },
    leaveOut: {
      ...counts,
      ...{ flag: "--leave-out <0,1>", reads: "whole numbers" },
      help: "layers that get none, from 0; drop needs the lowest",
    },
    nonLinearity: oneOf(...nonLinearities),
    init: oneOf("zero", "bert"),
    modulesToSave,
  },
  defaults: () => ({ variant: "houlsby", size: 16 }),
  title: ({ variant, size }) =>
    size === undefined ? "bottlenecks" : `${variant} bottlenecks of width ${size}`,
  counts(model, { size: r, variant = "houlsby", leaveOut = [] }, value) {
    const blocks = blocksOf(model.layers, "bottlenecks").length;
    assertLeftOut(leaveOut, blocks, variant);
    const L = blocks - new Set(leaveOut).size;
    return { beside: { bottlenecks: value(formulas[variant], { L, d: blockWidth(model), r }) } };
  },
  trains: "matrices",
  card: {
    ...{ title: "Bottleneck adapter", tag: "adapter-transformers" },
    what: "Small networks that a base model runs after its sublayers: a projection down, a " +
      "non-linearity and a\nprojection up, in the files of the adapters library (AdapterHub).",
    python: `import adapters  # base_model: the base, loaded with transformers
adapters.init(base_model)
base_model.load_adapter("this folder", set_active=True, use_safetensors=True)`,
  },
};
