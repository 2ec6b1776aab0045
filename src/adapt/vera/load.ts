/** VeRA adapters from PEFT folders. @module */

import type { HostTensor } from "../../core/host_tensor.ts";
import { moduleOf } from "../../core/module_names.ts";
import { oneLine } from "../../core/quote.ts";
import { formatShape } from "../../core/shape.ts";
import { tensorPrefix } from "../../formats/adapter_weights.ts";
import { parseVeraConfig, type VeraConfig } from "../../formats/vera_config.ts";
import type { Model } from "../../models/model.ts";
import { Linear } from "../../nn/linear.ts";
import { assertOneUse } from "../lora/loaded_parts.ts";
import { matchLayers, missingLayers } from "../lora/match_layers.ts";
import type { SavedValues } from "../saved_values.ts";
import type { LayerSites } from "../sites.ts";
import { projectionShape, VeraAdapter, type VeraPlan } from "./adapter.ts";

/** PEFT's keys of the shared matrices. */
const keyA = "base_model.vera_A", keyB = "base_model.vera_B";

/**
 * VeRA from a file of PEFT's that was read. Without the shared matrices in it, they are drawn from its key.
 *
 * @throws {AdapterFileError} when a field of the configuration is not understood.
 * @throws {RangeError} when the tensors are not those of VeRA on this model.
 */
export function loadVera(
  model: Model,
  { config: json, tensors, promptFormat }: SavedValues,
): VeraAdapter {
  const config = parseVeraConfig(json), vectors = new Map<string, HostTensor>();
  const saved = new Map<string, HostTensor>();
  for (const [key, tensor] of tensors) {
    if (key === keyA || key === keyB) continue;
    if (!key.startsWith(tensorPrefix)) {
      throw new RangeError(`tensors must be VeRA's, found ${oneLine(key)}`);
    }
    const name = key.slice(tensorPrefix.length);
    (/\.vera_lambda_[bd]$/.test(name) ? vectors : saved).set(name, tensor);
  }
  assertOneUse(model, saved, config.savedModules);
  const modules = [...new Set([...vectors.keys()].map(moduleOf))].map((module) => ({ module }));
  const layers = matchLayers(model, modules);
  const linears = linearsOf(model, layers), [missing] = missingLayers(config, model, layers);
  if (missing !== undefined) {
    const rule = "the file must have vectors of every layer that the configuration selects";
    throw new RangeError(`${rule}, found none of ${oneLine(missing)}`);
  }
  const renamed = Array.from(vectors, ([name, tensor]) => {
    const { name: layer } = layers.get(moduleOf(name))!.linear;
    return [name.replace(moduleOf(name), () => tensorPrefix + layer), tensor] as const;
  });
  const { rank, dInitial, dropout, seed } = config;
  return new VeraAdapter(model, {
    ...{ rank, dInitial, dropout, seed, layers: linears },
    modulesToSave: [...new Set([...saved.keys()].map(moduleOf))],
    projections: projectionsOf(config, linears, tensors),
    saved: { config: json, tensors: new Map([...renamed, ...saved]), promptFormat },
  });
}

/** The matched layers in the order of the model. */
function linearsOf(model: Model, layers: ReadonlyMap<string, LayerSites>): Linear[] {
  const matched = new Set([...layers.values()].map(({ linear }) => linear));
  const linears = [...model.linears, ...model.outerLayers ?? []]
    .filter((layer): layer is Linear => layer instanceof Linear && matched.has(layer));
  if (linears.length > 0 && linears.length === matched.size) return linears;
  throw new RangeError(
    linears.length === 0
      ? "VeRA needs vectors of at least one layer, found none"
      : "VeRA needs linear layers, found one of an embedding",
  );
}

/** A and B of the file, which must reach every layer. */
function projectionsOf(
  { rank, savesProjections }: VeraConfig,
  layers: readonly Linear[],
  tensors: ReadonlyMap<string, HostTensor>,
): VeraPlan["projections"] {
  const A = tensors.get(keyA), B = tensors.get(keyB);
  if (!savesProjections) {
    if (!A && !B) return undefined;
    throw new RangeError("save_projection must be true where the file has vera_A, found false");
  }
  const needed = projectionShape(layers, rank), found = [A, B].map(shapeOf).join(" and ");
  const least = [[rank, needed.inputs], [needed.outputs, rank]].map(formatShape);
  const inputs = A?.shape[1] ?? 0, [outputs] = B?.shape ?? [0];
  const fits = A?.shape.length === 2 && B?.shape.length === 2 && A.shape[0] === rank &&
    B.shape[1] === rank && inputs >= needed.inputs && outputs >= needed.outputs;
  if (fits) return { A: A.data, B: B.data, shape: { rank, inputs, outputs } };
  throw new RangeError(
    `vera_A and vera_B must be at least ${least[0]} and ${least[1]}, found ${found}`,
  );
}

const shapeOf = (tensor: HostTensor | undefined): string =>
  tensor ? formatShape(tensor.shape) : "none";
