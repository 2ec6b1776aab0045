/** Methods that train some of a model's own parameters: BitFit and the top layers. @module */

import { type Architecture, topBlocks } from "../architectures/architecture.ts";
import type { ConfigJson } from "../architectures/config_fields.ts";
import { assertOptions } from "../core/checks.ts";
import { oneLine, quote } from "../core/errors.ts";
import { isWithin } from "../core/module_names.ts";
import { bitfit } from "../methods/bitfit.ts";
import { topLayers } from "../methods/top_layers.ts";
import { architectureIn, type BaseFile } from "../models/base_file.ts";
import type { Model } from "../models/model.ts";
import { type Folder, folderName } from "../storage/storage.ts";
import { assertFree, type WeightChange } from "./adapter.ts";
import {
  type MethodAdapterOptions,
  type MethodConfig,
  NamedAdapter,
  savedModulesOf,
  type SavedValues,
} from "./named_adapter.ts";
import { assertInF32 } from "./trained_modules.ts";

/**
 * Trained copies of some of a model's parameters, which stand in for its own; made by `injectBitFit` and
 * `injectTopLayers`. A merged model computes nothing beyond the base model.
 */
export class TrainedCopies extends NamedAdapter {
  /** The method and its settings. */
  protected override readonly config: MethodConfig;

  /** Copies the parameters with these names, or of modules with these names, and substitutes the copies for them. */
  constructor(
    model: Model,
    names: readonly string[],
    config: MethodConfig,
    saved?: SavedValues,
  ) {
    super(model, { entries: [], copied: names, build: () => [], saved });
    this.config = config;
  }

  /**
   * Replaces every parameter with the trained copy.
   *
   * @throws {RangeError} when a head has a weight of its own that is tied in the model.
   */
  override weightChanges(): readonly WeightChange[] {
    return this.modules.weightChanges();
  }
}

/**
 * Freezes a model and trains its biases, including those of layer norms, as copies that stand in for
 * the model's own.
 *
 * Cost: 4 bytes per bias value. Merging replaces the biases, so a merged model computes nothing beyond
 * the base model.
 *
 * @throws {RangeError} when the model has an adapter and `onTop` is not set, it has no bias, or another
 * adapter trains one.
 *
 * @example
 * ```ts
 * import { injectBitFit } from "@lowrank/core/adapt";
 * import { initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using adapter = injectBitFit(model);
 * console.log(adapter.parameters.reduce((sum, { size }) => sum + size, 0)); // 11 · 8 + 3 · 8 = 112
 * ```
 */
export function injectBitFit(model: Model, options: MethodAdapterOptions = {}): TrainedCopies {
  assertOptions("injectBitFit", options, { ...bitfit.options, onTop: true });
  assertFree(model, options, "injectBitFit");
  return bitFitOn(model, options.modulesToSave);
}

/** BitFit from a file that was read. */
export function loadBitFit(model: Model, saved: SavedValues): TrainedCopies {
  return bitFitOn(model, savedModulesOf(saved.config), saved);
}

function bitFitOn(
  model: Model,
  modulesToSave: readonly string[] = [],
  saved?: SavedValues,
): TrainedCopies {
  const config = { method: "bitfit", modules_to_save: modulesToSave };
  return new TrainedCopies(model, [...biasesOf(model), ...modulesToSave], config, saved);
}

function biasesOf({ parameters }: Model): string[] {
  const biases = [...parameters.values()].filter(({ name }) => name.endsWith(".bias"));
  if (biases.length === 0) throw new RangeError("BitFit needs a model with biases, found none");
  const taken = biases.find(({ substitute }) => substitute);
  if (!taken) return biases.map(({ name }) => name);
  throw new RangeError(`BitFit needs biases that no adapter trains, found ${taken.name} in use`);
}

/** Number of blocks to train, and the options that every method has. */
export interface TopLayersOptions extends MethodAdapterOptions {
  /** Blocks at the top that are trained as a whole, from 1 to all of them. */
  readonly layers: number;
}

/**
 * Freezes a model and trains its last blocks, as copies that stand in for the model's own: matrices, biases and
 * norms. The final norm and the head stay frozen, as in the paper's count (25.19M for two of GPT-2 medium's).
 *
 * Cost: 4 bytes per value of these blocks. Merging replaces them.
 *
 * @throws {TypeError} when an option does not exist.
 * @throws {RangeError} when the model has an adapter and `onTop` is not set, it has no list of blocks or fewer of
 * them, another adapter trains one of their parameters, or some are not in F32.
 *
 * @example
 * ```ts
 * import { injectTopLayers } from "@lowrank/core/adapt";
 * import { initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 2, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using adapter = injectTopLayers(model, { layers: 1 });
 * console.log(adapter.parameters[0].name); // transformer.h.1.ln_1.weight
 * ```
 */
export function injectTopLayers(model: Model, options: TopLayersOptions): TrainedCopies {
  assertOptions("injectTopLayers", options, { ...topLayers.options, onTop: true });
  assertFree(model, options, "injectTopLayers");
  return topLayersOn(model, options.layers, options.modulesToSave);
}

/** Top layers from a file that was read. */
export function loadTopLayers(model: Model, saved: SavedValues): TrainedCopies {
  return topLayersOn(model, saved.config.layers as number, savedModulesOf(saved.config), saved);
}

function topLayersOn(
  model: Model,
  layers: number,
  modulesToSave: readonly string[] = [],
  saved?: SavedValues,
): TrainedCopies {
  const blocks = topBlocks(model.architecture?.layers ?? [], layers);
  assertInF32(model, blocks, "top layers need");
  const config = { method: "top-layers", layers, modules_to_save: modulesToSave };
  return new TrainedCopies(model, [...blocks, ...modulesToSave], config, saved);
}

/**
 * Asserts that a file has all that its method copies of a base and, beside it, only modules that were trained in
 * full: the values of a part of an adapter make another model.
 *
 * @param config The configuration of the merged model, which may have another head than the base.
 * @throws {RangeError} when it has less or more, or the architecture is not known.
 */
export function assertCopies(
  base: BaseFile,
  folder: Folder,
  { config: method, tensors }: SavedValues,
  config: ConfigJson,
): void {
  const saved = savedModulesOf(method), keyOf = (name: string) => base.find(name)[0] ?? name;
  const own = ownTensors(knownArchitecture(config), method);
  const needed = own.filter((name) => base.find(name).length > 0);
  const found = new Set(Array.from(tensors.keys(), keyOf)), keys = new Set(own.map(keyOf));
  const missing = needed.find((name) => !found.has(keyOf(name)));
  const stranger = [...tensors.keys()].find((name) =>
    !keys.has(keyOf(name)) && !saved.some((module) => isWithin(name, module))
  );
  const wrong = missing ?? stranger;
  if (wrong === undefined) return;
  const rule = `all tensors that ${quote(method.method)} trains of the base, and no other`;
  throw new RangeError(
    `cannot merge the adapter in ${folderName(folder)}: it must have ${rule}, found ${
      missing === undefined ? "" : "no "
    }${oneLine(wrong)}`,
  );
}

/** The names of what a method copies of a model. */
function ownTensors({ tensors, layers }: Architecture, config: MethodConfig): string[] {
  const names = tensors.map(({ name }) => name);
  if (config.method === "bitfit") return names.filter((name) => name.endsWith(".bias"));
  const blocks = topBlocks(layers, config.layers as number);
  return names.filter((name) => blocks.some((block) => isWithin(name, block)));
}

function knownArchitecture(config: ConfigJson): Architecture {
  const architecture = architectureIn(config);
  if (architecture) return architecture;
  throw new RangeError(
    `merging copies needs a base of a known architecture, found model_type ${
      quote(config.model_type ?? null)
    }`,
  );
}
