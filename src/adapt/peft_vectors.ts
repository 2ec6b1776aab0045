/** Folders with trained vectors of layers by PEFT's keys, of VeRA and (IA)³: what they hold, and its layers. @module */

import { oneLine } from "../core/errors.ts";
import { moduleOf } from "../core/module_names.ts";
import type { HostTensor } from "../core/tensor.ts";
import type { ModuleSelection } from "../formats/peft/config.ts";
import { tensorPrefix } from "../formats/peft/keys.ts";
import type { Model } from "../models/model.ts";
import { Linear } from "../nn/linear.ts";
import { assertOneUse } from "./lora/load.ts";
import type { SavedValues } from "./named_adapter.ts";
import { matchLayers, missingLayers } from "./sites.ts";

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
