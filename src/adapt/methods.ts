/** The table of methods on models: how each begins, is read from a folder, and changes the files of a base. @module */

import type { ConfigJson } from "../architectures/config_fields.ts";
import { isText } from "../core/checks.ts";
import { quote } from "../core/errors.ts";
import type { AdapterFolder } from "../formats/peft/adapter_folder.ts";
import { isHubConfig } from "../formats/peft/config.ts";
import type { PeftAdapter } from "../formats/peft/folder.ts";
import { type MethodKind, methodOfConfig } from "../methods/mod.ts";
import type { BaseFile } from "../models/base_file.ts";
import type { Model } from "../models/model.ts";
import type { Folder } from "../storage/storage.ts";
import type { Adapter } from "./adapter.ts";
import {
  type BottleneckOptions,
  injectBottleneck,
  loadBottleneck,
  readBottlenecks,
} from "./bottleneck/adapter.ts";
import { ia3Changes, type Ia3Options, injectIa3, loadIa3 } from "./ia3.ts";
import { loraLoader } from "./lora/load.ts";
import { allocateLora, type LoraSpec, startLora } from "./lora/starts.ts";
import {
  injectLoraPrefix,
  loadLoraPrefix,
  type LoraPrefixOptions,
  type PartLoader,
} from "./lora_prefix.ts";
import type { BaseChanges } from "./merge/change.ts";
import { type LoadAdapterOptions, type Loader, type SavedAdapter, usable } from "./loader.ts";
import {
  type MethodAdapterOptions,
  type NamedAdapter,
  readValues,
  savedModulesOf,
  type SavedValues,
} from "./named_adapter.ts";
import {
  assertCopies,
  injectBitFit,
  injectTopLayers,
  loadBitFit,
  loadTopLayers,
  type TopLayersOptions,
} from "./trained_copies.ts";
import {
  injectSubspace,
  loadSubspace,
  subspaceChanges,
  type SubspaceOptions,
} from "./subspace/subspace.ts";
import {
  allocateTinyLora,
  injectTinyLora,
  loadTinyLora,
  tinyLoraChanges,
  type TinyLoraOptions,
} from "./tinylora.ts";
import { loadVera, parseVera } from "./vera/load.ts";
import { veraUpdates } from "./vera/updates.ts";
import { injectVera, type VeraOptions } from "./vera/vera.ts";
import {
  injectPrefixEmbedding,
  injectPrefixLayer,
  injectPrefixTuning,
  loadPrefixLayer,
  loadPrompt,
  type PrefixOptions,
} from "./virtual_tokens.ts";

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
  /** A vector for each of some layers, which scales its outputs or inputs. */
  readonly ia3: Ia3Options;
  /** A few values for each of some layers, which make a core between its singular vectors. */
  readonly tinylora: Omit<TinyLoraOptions, "seed">;
  /** A few values that move all weights in a random subspace. */
  readonly subspace: Omit<SubspaceOptions, "seed">;
  /** Small networks after its sublayers. */
  readonly bottleneck: Omit<BottleneckOptions, "seed">;
  /** The embeddings of virtual tokens before every sequence. */
  readonly "prefix-embedding": Omit<PrefixOptions, "seed">;
  /** Activations of the virtual tokens that every block reads. */
  readonly "prefix-layer": Omit<PrefixOptions, "seed">;
  /** Their keys and values in every block. */
  readonly "prefix-tuning": Omit<PrefixOptions, "seed">;
  /** Low-rank updates and embeddings of virtual tokens. */
  readonly "lora+prefix-embedding": Omit<LoraPrefixOptions, "seed" | "prefix">;
  /** Low-rank updates and what every block reads of virtual tokens. */
  readonly "lora+prefix-layer": Omit<LoraPrefixOptions, "seed" | "prefix">;
}

/** A method on models. */
export interface AdaptingMethod<Options> {
  /** Puts a new adapter on a model, without values that are computed from weights; full fine-tuning adds none. */
  readonly inject: (model: Model, options: Options, seed: number) => Adapter | undefined;
  /** The same with these values; `floats` is the folder that a base in 4 bits was quantized from. */
  readonly start?: (
    model: Model,
    options: Options,
    seed: number,
    floats?: string,
  ) => Promise<Adapter>;
  /** True for a configuration of another library than PEFT that is the method's. */
  readonly recognizes?: (config: Readonly<Record<string, unknown>>) => boolean;
  /** Reads a folder and puts its adapter on a model. */
  readonly loader?: Loader;
  /** Loads a folder of two adapters, each loaded by itself. */
  readonly loadParts?: (folder: Folder, method: string, load: PartLoader) => Promise<Adapter>;
  /** Changes of the files of a base; absent where the method changes no weights. */
  merge?(base: BaseFile, saved: SavedAdapter): BaseChanges | Promise<BaseChanges>;
  /** Throws unless a file has all that the method changes of the base, which becomes the model of a configuration. */
  assertWhole?(base: BaseFile, folder: Folder, saved: SavedAdapter, config: ConfigJson): void;
  /** True if `lowrank convert --base` writes it as LoRA. */
  readonly becomesLora?: true;
}

/** An injector that takes the seed beside the method's own options. */
const seeded =
  <Options>(inject: (model: Model, options: Options & { readonly seed: number }) => Adapter) =>
  (model: Model, options: Options, seed: number): Adapter => inject(model, { ...options, seed });

/** Loads an adapter of named tensors. */
const ofValues = (
  load: (model: Model, saved: SavedValues) => NamedAdapter,
  read: (folder: AdapterFolder) => Promise<SavedValues> = readValues,
): Loader => ({
  action: "loadAnyAdapter",
  check: assertOnlyJoin,
  read: (open) => usable(open.folder, () => read(open)),
  put: (model, saved: SavedValues, folder) => usable(folder, () => load(model, saved)),
});

/**
 * Asserts that there are no options that only LoRA has.
 *
 * @throws {RangeError} when there is one.
 */
export function assertOnlyJoin({ dropout, allow }: LoadAdapterOptions, method: unknown): void {
  if (dropout === undefined && allow === undefined) return;
  throw new RangeError(
    `${dropout === undefined ? "allow" : "dropout"} is for LoRA, found ${quote(method)}`,
  );
}

/** The merging of tensors that take the place of the base's, in the order of its files as these are. */
const ofCopies: Pick<AdaptingMethod<never>, "merge" | "assertWhole"> = {
  merge: (_, { config, tensors, promptFormat }: SavedValues) => ({
    ...{ updates: [], saved: tensors, savedModules: savedModulesOf(config), promptFormat },
  }),
  assertWhole: assertCopies,
};

/** The methods on models, by their kinds. */
export const adapting: { readonly [Kind in MethodKind]: AdaptingMethod<MethodsByKind[Kind]> } = {
  full: { inject: (_, options) => assertNoOptions(options) },
  lora: {
    inject: allocateLora,
    start: startLora,
    loader: loraLoader,
    merge: (_, saved: PeftAdapter) => saved,
  },
  bitfit: { inject: injectBitFit, loader: ofValues(loadBitFit), ...ofCopies },
  "top-layers": { inject: injectTopLayers, loader: ofValues(loadTopLayers), ...ofCopies },
  vera: {
    inject: seeded(injectVera),
    loader: ofValues(loadVera),
    merge: updatesIn,
    becomesLora: true,
  },
  ia3: { inject: injectIa3, loader: ofValues(loadIa3), merge: ia3Changes },
  tinylora: {
    inject: seeded(allocateTinyLora),
    start: (model, options, seed) => injectTinyLora(model, { ...options, seed }),
    loader: ofValues(loadTinyLora),
    merge: tinyLoraChanges,
  },
  subspace: {
    inject: seeded(injectSubspace),
    loader: ofValues(loadSubspace),
    merge: subspaceChanges,
  },
  bottleneck: {
    inject: seeded(injectBottleneck),
    recognizes: isHubConfig,
    loader: ofValues(loadBottleneck, readBottlenecks),
  },
  "prefix-embedding": { inject: seeded(injectPrefixEmbedding), loader: ofValues(loadPrompt) },
  "prefix-layer": { inject: seeded(injectPrefixLayer), loader: ofValues(loadPrefixLayer) },
  "prefix-tuning": { inject: seeded(injectPrefixTuning), loader: ofValues(loadPrompt) },
  "lora+prefix-embedding": {
    inject: seeded((model, options) =>
      injectLoraPrefix(model, { ...options, prefix: "prefix-embedding" })
    ),
    loadParts: loadLoraPrefix,
  },
  "lora+prefix-layer": {
    inject: seeded((model, options) =>
      injectLoraPrefix(model, { ...options, prefix: "prefix-layer" })
    ),
    loadParts: loadLoraPrefix,
  },
};

/** The kinds of `adapting`. */
const kinds = Object.keys(adapting) as readonly MethodKind[];

/** The method on models of a kind that a file may name. */
export const adaptingOf = (kind: unknown): AdaptingMethod<never> | undefined =>
  typeof kind === "string" && Object.hasOwn(adapting, kind)
    ? adapting[kind as MethodKind]
    : undefined;

/**
 * The method that a configuration names in whichever library's words; undefined for PEFT's LoRA and where none is
 * named, and PEFT's own word for a method that is not here.
 */
export function methodNamedBy(config: Readonly<Record<string, unknown>>): unknown {
  if (config.method !== undefined) return config.method;
  const kind = kinds.find((kind) => adapting[kind].recognizes?.(config)), type = config.peft_type;
  const foreign = isText(type) && type !== "LORA" ? type : undefined;
  return kind ?? methodOfConfig(config)?.kind ?? foreign;
}

function assertNoOptions(options: object): undefined {
  const given = Object.entries(options).find(([, value]) => value !== undefined);
  if (!given) return undefined;
  throw new TypeError(`full fine-tuning takes no options, found ${quote(given[0])}`);
}

/** VeRA's updates, and what was trained in full beside them. */
function updatesIn(base: BaseFile, saved: SavedValues): BaseChanges {
  const file = parseVera(saved),
    { others, config: { savedModules } } = file,
    { promptFormat } = saved;
  return { updates: veraUpdates(base, file), saved: others, savedModules, promptFormat };
}
