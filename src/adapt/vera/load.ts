/** VeRA adapters from PEFT folders. @module */

import { formatShape, type HostTensor } from "../../core/tensor.ts";
import { mostDrawnRank } from "../../core/limits.ts";
import { moduleOf } from "../../core/module_names.ts";
import { oneLine } from "../../core/errors.ts";
import { tensorPrefix } from "../../formats/peft/keys.ts";
import { parseVeraConfig, type VeraConfig } from "../../formats/peft/other_configs.ts";
import type { Model } from "../../models/model.ts";
import { Linear } from "../../nn/linear.ts";
import { assertOneUse } from "../lora/load.ts";
import { type LayerSites, matchLayers, missingLayers } from "../sites.ts";
import type { SavedValues } from "../named_adapter.ts";
import {
  drawProjections,
  type ProjectionShape,
  projectionShape,
  VeraAdapter,
  type VeraPlan,
} from "./vera.ts";

/** PEFT's keys of the shared matrices. */
const keyA = "base_model.vera_A", keyB = "base_model.vera_B";

/** A file of PEFT's VeRA, of whichever base. */
export interface VeraFile {
  /** Its configuration. */
  readonly config: VeraConfig;
  /** b and d by their names in the model: `transformer.h.0.attn.c_attn.vera_lambda_b`. */
  readonly vectors: ReadonlyMap<string, HostTensor>;
  /** The paths of the adapted layers in the file. */
  readonly modules: readonly string[];
  /** What was trained in full beside them, by names in the model. */
  readonly others: ReadonlyMap<string, HostTensor>;
  /** A and B for layers of these extents: those of the file or, without them, drawn from its key. */
  projections(needed: ProjectionShape): SharedProjections;
}

/** A and B with their extents. */
type SharedProjections = NonNullable<VeraPlan["projections"]>;

/**
 * What a file of PEFT's VeRA has.
 *
 * @throws {AdapterFileError} when a field of the configuration is not understood.
 * @throws {RangeError} when a tensor is none of VeRA's, or there are no vectors.
 */
export function parseVera({ config: json, tensors }: SavedValues): VeraFile {
  const config = parseVeraConfig(json);
  const vectors = new Map<string, HostTensor>(), others = new Map<string, HostTensor>();
  for (const [key, tensor] of tensors) {
    if (key === keyA || key === keyB) continue;
    if (!key.startsWith(tensorPrefix)) {
      throw new RangeError(`tensors must be VeRA's, found ${oneLine(key)}`);
    }
    const name = key.slice(tensorPrefix.length);
    (/\.vera_lambda_[bd]$/.test(name) ? vectors : others).set(name, tensor);
  }
  const modules = [...new Set([...vectors.keys()].map(moduleOf))];
  if (modules.length === 0) {
    throw new RangeError("VeRA needs vectors of at least one layer, found none");
  }
  const projections = (needed: ProjectionShape) => projectionsOf(config, needed, tensors);
  return { config, vectors, modules, others, projections };
}

/**
 * VeRA from a file of PEFT's that was read. Without the shared matrices in it, they are drawn from its key.
 *
 * @throws {AdapterFileError} when a field of the configuration is not understood.
 * @throws {RangeError} when the tensors are not those of VeRA on this model.
 */
export function loadVera(model: Model, file: SavedValues): VeraAdapter {
  const { config, vectors, modules, others, projections } = parseVera(file);
  assertOneUse(model, others, config.savedModules);
  const layers = matchLayers(model, modules.map((module) => ({ module })));
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
    modulesToSave: [...new Set([...others.keys()].map(moduleOf))],
    projections: projections(projectionShape(linears, rank)),
    saved: { ...file, tensors: new Map([...renamed, ...others]) },
  });
}

/** The matched layers in the order of the model. */
function linearsOf(model: Model, layers: ReadonlyMap<string, LayerSites>): Linear[] {
  const matched = new Set([...layers.values()].map(({ linear }) => linear));
  const linears = [...model.linears, ...model.outerLayers ?? []]
    .filter((layer): layer is Linear => layer instanceof Linear && matched.has(layer));
  if (linears.length === matched.size) return linears;
  throw new RangeError("VeRA needs linear layers, found one of an embedding");
}

/** A and B of the file, which must reach every layer. */
function projectionsOf(
  { rank, seed, savesProjections }: VeraConfig,
  needed: ProjectionShape,
  tensors: ReadonlyMap<string, HostTensor>,
): SharedProjections {
  const A = tensors.get(keyA), B = tensors.get(keyB);
  if (!savesProjections) {
    if (!A && !B && rank > mostDrawnRank) {
      throw new RangeError(`r must be at most ${mostDrawnRank} without vera_A, found ${rank}`);
    }
    if (!A && !B) return { ...drawProjections(seed, needed), shape: needed };
    throw new RangeError("save_projection must be true where the file has vera_A, found false");
  }
  const found = [A, B].map(shapeOf).join(" and ");
  const inputs = A?.shape[1] ?? 0, [outputs] = B?.shape ?? [0];
  const fits = A?.shape.length === 2 && B?.shape.length === 2 && A.shape[0] === rank &&
    B.shape[1] === rank && inputs >= needed.inputs && outputs >= needed.outputs;
  if (fits) return { A: A.data, B: B.data, shape: { rank, inputs, outputs } };
  throw new RangeError(
    `vera_A must have ${rank} rows and at least ${needed.inputs} columns, vera_B ${rank} columns and at least ` +
      `${needed.outputs} rows, found ${found}`,
  );
}

const shapeOf = (tensor: HostTensor | undefined): string =>
  tensor ? formatShape(tensor.shape) : "none";
