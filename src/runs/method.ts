/** Methods by their specifications. @module */

import {
  type Adapter,
  type BottleneckOptions,
  injectBitFit,
  injectBottleneck,
  injectLoftq,
  injectLora,
  injectLoraPrefix,
  injectOlora,
  injectPissa,
  injectPrefixEmbedding,
  injectPrefixLayer,
  injectPrefixTuning,
  injectTopLayers,
  injectVera,
  type LoraOptions,
  type LoraPrefixOptions,
  type MethodAdapterOptions,
  type PrefixOptions,
  type TopLayersOptions,
  type VeraOptions,
} from "../adapt/mod.ts";
import { allocateAtWeights, type WeightStartOptions } from "../adapt/lora/starts.ts";
import { quote } from "../core/errors.ts";
import type { Model } from "../models/mod.ts";

/**
 * LoRA, which may also begin at a part of the weights or, with LoftQ, at what quantizing has taken from them, as
 * PEFT's `init_lora_weights` says.
 */
export interface LoraSpec extends Omit<LoraOptions, "seed" | "init"> {
  /** How A and B begin. Default `kaiming`. */
  readonly init?: LoraOptions["init"] | "pissa" | "olora" | "loftq";
}

/** LoRA that begins at weights, of the model or of the folder of its floats. */
const weightStarts = {
  pissa: injectPissa,
  olora: injectOlora,
  loftq: (model: Model, options: WeightStartOptions, floats?: string) => {
    if (floats !== undefined) return injectLoftq(model, floats, options);
    throw new RangeError(
      "LoftQ needs the folder of the floats that a base was quantized from, found none",
    );
  },
} as const;

/** The options of each method, by its kind. */
export interface MethodsByKind {
  /** Every parameter of the model; there is nothing to choose. */
  readonly full: Record<never, never>;
  /** Low-rank updates of some of its sites. */
  readonly lora: LoraSpec;
  /** Its biases. */
  readonly bitfit: MethodAdapterOptions;
  /** Its last blocks. */
  readonly "top-layers": TopLayersOptions;
  /** Two vectors for each of some layers, beside random matrices that they share. */
  readonly vera: Omit<VeraOptions, "seed">;
  /** Small networks after its sublayers. */
  readonly bottleneck: Omit<BottleneckOptions, "seed">;
  /** The embeddings of virtual tokens before every sequence. */
  readonly "prefix-embedding": Omit<PrefixOptions, "seed">;
  /** What every block reads of them. */
  readonly "prefix-layer": Omit<PrefixOptions, "seed">;
  /** Their keys and values in every block. */
  readonly "prefix-tuning": Omit<PrefixOptions, "seed">;
  /** Low-rank updates and embeddings of virtual tokens. */
  readonly "lora+prefix-embedding": Omit<LoraPrefixOptions, "seed" | "prefix">;
  /** Low-rank updates and what every block reads of virtual tokens. */
  readonly "lora+prefix-layer": Omit<LoraPrefixOptions, "seed" | "prefix">;
}

/** The name of a method. */
export type MethodKind = keyof MethodsByKind;

/** What is trained: a method with its options, without a seed, which is the run's. */
export type MethodSpec = {
  [Kind in MethodKind]: { readonly kind: Kind } & MethodsByKind[Kind];
}[MethodKind];

/** Adds to a model what each method trains; full fine-tuning adds nothing. */
const methods: {
  [Kind in MethodKind]: (
    model: Model,
    options: MethodsByKind[Kind],
    seed: number,
  ) => Adapter | undefined;
} = {
  full: (_, options) => assertNoOptions(options),
  lora: (model, options, seed) => injectLora(model, { ...options, seed } as LoraOptions),
  bitfit: (model, options) => injectBitFit(model, options),
  "top-layers": (model, options) => injectTopLayers(model, options),
  vera: (model, options, seed) => injectVera(model, { ...options, seed }),
  bottleneck: (model, options, seed) => injectBottleneck(model, { ...options, seed }),
  "prefix-embedding": (model, options, seed) => injectPrefixEmbedding(model, { ...options, seed }),
  "prefix-layer": (model, options, seed) => injectPrefixLayer(model, { ...options, seed }),
  "prefix-tuning": (model, options, seed) => injectPrefixTuning(model, { ...options, seed }),
  "lora+prefix-embedding": (model, options, seed) =>
    injectLoraPrefix(model, { ...options, seed, prefix: "prefix-embedding" }),
  "lora+prefix-layer": (model, options, seed) =>
    injectLoraPrefix(model, { ...options, seed, prefix: "prefix-layer" }),
};

function assertNoOptions(options: object): undefined {
  const given = Object.entries(options).find(([, value]) => value !== undefined);
  if (!given) return undefined;
  throw new TypeError(`full fine-tuning takes no options, found ${quote(given[0])}`);
}

/** The names of all methods. */
export const methodKinds = Object.keys(methods) as readonly MethodKind[];

/**
 * Adds what a method needs to a model; nothing for full fine-tuning.
 *
 * @param floats The folder of the floats that a base in 4 bits was quantized from, which LoftQ reads.
 * @throws {TypeError} when an option is not one of the method's.
 * @throws {RangeError} when there is no such method, it does not fit the model, or LoftQ lacks the floats.
 */
export async function applyMethod(
  model: Model,
  method: MethodSpec,
  seed: number,
  floats?: string,
): Promise<Adapter | undefined> {
  const start = weightStartOf(method);
  return start
    ? await weightStarts[start.init](model, start.options, floats)
    : addMethod(model, method, seed);
}

/**
 * The same without values that are computed from weights (PiSSA's, OLoRA's, LoftQ's): for the dry device, which holds none.
 *
 * @throws {TypeError} As there.
 * @throws {RangeError} As there.
 */
export function allocateMethod(
  model: Model,
  method: MethodSpec,
  seed: number,
): Adapter | undefined {
  const start = weightStartOf(method);
  return start
    ? allocateAtWeights(model, start.init, start.options, start.init !== "loftq")
    : addMethod(model, method, seed);
}

function addMethod(model: Model, { kind, ...options }: MethodSpec, seed: number) {
  if (typeof kind === "string" && Object.hasOwn(methods, kind)) {
    return methods[kind](model, options as never, seed);
  }
  throw new RangeError(
    `the kind of a method must be one of ${methodKinds.join(", ")}, found ${quote(kind)}`,
  );
}

/** What LoRA begins at, if it is computed from weights, and its other options. */
function weightStartOf(method: MethodSpec) {
  if (method.kind !== "lora") return undefined;
  const { kind: _, init, ...options } = method;
  return typeof init === "string" && Object.hasOwn(weightStarts, init)
    ? { init: init as keyof typeof weightStarts, options }
    : undefined;
}
