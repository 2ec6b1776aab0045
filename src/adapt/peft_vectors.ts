/**
 * Adapters with trained vectors, or other tensors, of layers by PEFT's keys: VeRA, (IA)³ and TinyLoRA. What their
 * folders hold, its layers, and all that their classes share.
 *
 * @module
 */

import { oneLine } from "../core/errors.ts";
import { moduleOf } from "../core/module_names.ts";
import type { HostTensor } from "../core/tensor.ts";
import type { Tensor } from "../device/device.ts";
import type { ModuleSelection } from "../formats/peft/config.ts";
import { tensorPrefix } from "../formats/peft/keys.ts";
import { withWholeHead } from "../formats/peft/metadata.ts";
import type { Model } from "../models/model.ts";
import { Linear } from "../nn/linear.ts";
import type { WeightChange } from "./adapter.ts";
import { assertOneUse } from "./lora/load.ts";
import {
  type MethodConfig,
  NamedAdapter,
  type NamedParts,
  type SavedValues,
} from "./named_adapter.ts";
import { taskTypeOf } from "./save.ts";
import { assertOwnWeight, matchLayers, missingLayers } from "./sites.ts";

/** A layer with trained vectors. */
export interface VectorSite {
  /** The layer. */
  readonly linear: Linear;
  /** Changes that merging makes to its weight, and to its bias. */
  weightChanges(): readonly WeightChange[];
}

/** An adapter of layers' own tensors, whose names are PEFT's keys. */
export abstract class PeftVectorAdapter<Site extends VectorSite> extends NamedAdapter {
  /** The adapted layers, in the order of the forward pass. */
  abstract readonly sites: readonly Site[];
  readonly #modulesToSave: readonly string[];

  /** Allocates the tensors, freezes the model and attaches what `build` gives to its layers. */
  constructor(model: Model, parts: NamedParts) {
    super(model, parts);
    this.#modulesToSave = parts.copied ?? [];
  }

  /** The method's own fields of PEFT's `adapter_config.json`, with its `peft_type`. */
  protected abstract readonly fields: MethodConfig;

  /** PEFT's `adapter_config.json`: the method's fields, and those that all methods have. */
  protected override get config(): MethodConfig {
    const names = withWholeHead(this.#modulesToSave);
    return {
      ...this.fields,
      inference_mode: true,
      modules_to_save: names.length > 0 ? [...new Set(names)] : null,
      target_modules: this.sites.map(({ linear }) => linear.name).sort(),
      task_type: taskTypeOf(this.model, names.length > 0),
    };
  }

  /** Its tensors and modules trained in full, by PEFT's keys. */
  protected override tensors(): readonly (readonly [name: string, tensor: Tensor])[] {
    const own = new Set(this.own.map(({ name }) => name));
    return super.tensors().map(([name, tensor]) =>
      [own.has(name) ? name : tensorPrefix + name, tensor] as const
    );
  }

  /**
   * The changes of every adapted layer; modules trained in full are replaced.
   *
   * @throws {RangeError} when a layer's weight is another's too.
   */
  override weightChanges(): readonly WeightChange[] {
    for (const { linear } of this.sites) assertOwnWeight(this.model, linear);
    return [...this.modules.weightChanges(), ...this.sites.flatMap((site) => site.weightChanges())];
  }
}

/** The tensors of a folder, whatever its base is. */
export interface VectorFile {
  /** Vectors by their names in the model: `transformer.h.0.attn.c_attn.ia3_l`. */
  readonly vectors: ReadonlyMap<string, HostTensor>;
  /** The paths of their layers in the file. */
  readonly modules: readonly string[];
  /** Tensors that were trained in full beside them, by names in the model. */
  readonly others: ReadonlyMap<string, HostTensor>;
}

/**
 * Sorts the tensors of a folder.
 *
 * @param method The method's name, for messages.
 * @param isVector True for what a vector's name ends with: `ia3_l`.
 * @throws {RangeError} when a tensor has none of PEFT's keys, or there are no vectors.
 */
export function vectorsIn(
  tensors: SavedValues["tensors"],
  method: string,
  isVector: (ending: string) => boolean,
): VectorFile {
  const vectors = new Map<string, HostTensor>(), others = new Map<string, HostTensor>();
  for (const [key, tensor] of tensors) {
    if (!key.startsWith(tensorPrefix)) {
      throw new RangeError(`tensors must be ${method}'s, found ${oneLine(key)}`);
    }
    const name = key.slice(tensorPrefix.length), ending = name.slice(name.lastIndexOf(".") + 1);
    (isVector(ending) ? vectors : others).set(name, tensor);
  }
  const modules = [...new Set([...vectors.keys()].map(moduleOf))];
  if (modules.length > 0) return { vectors, modules, others };
  throw new RangeError(`${method} needs vectors of at least one layer, found none`);
}

/** Parts of an adapter with the vectors of a folder. */
export interface PlacedVectors {
  /** The layers of the vectors, in the order of the forward pass. */
  readonly layers: readonly Linear[];
  /** The folder's values, by their names in this model. */
  readonly saved: SavedValues;
  /** Modules that were trained in full. */
  readonly modulesToSave: readonly string[];
}

/**
 * Finds the layers of a folder's vectors in a model.
 *
 * @throws {RangeError} when a module is of no layer, a layer that the configuration selects has no vector, one is an
 * embedding, or what was trained in full does not fit.
 */
export function placeVectors(
  model: Model,
  file: SavedValues,
  { vectors, modules, others }: VectorFile,
  config: ModuleSelection & { readonly savedModules: readonly string[] },
  method: string,
): PlacedVectors {
  assertOneUse(model, others, config.savedModules);
  const found = matchLayers(model, modules.map((module) => ({ module })));
  const matched = new Set([...found.values()].map(({ linear }) => linear));
  const layers = [...model.linears, ...model.outerLayers ?? []]
    .filter((layer): layer is Linear => layer instanceof Linear && matched.has(layer));
  if (layers.length < matched.size) {
    throw new RangeError(`${method} needs linear layers, found one of an embedding`);
  }
  const [missing] = missingLayers(config, model, found);
  if (missing !== undefined) {
    const rule = "the file must have vectors of every layer that the configuration selects";
    throw new RangeError(`${rule}, found none of ${oneLine(missing)}`);
  }
  const renamed = Array.from(vectors, ([name, tensor]) => {
    const module = moduleOf(name), layer = found.get(module)!.linear.name;
    return [tensorPrefix + layer + name.slice(module.length), tensor] as const;
  });
  const modulesToSave = [...new Set([...others.keys()].map(moduleOf))];
  return { layers, saved: { ...file, tensors: new Map([...renamed, ...others]) }, modulesToSave };
}
