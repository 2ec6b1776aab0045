/** VeRA adapters from PEFT folders. @module */

import { formatShape, type HostTensor } from "../../core/tensor.ts";
import { mostDrawnRank } from "../../core/limits.ts";
import { parseVeraConfig, type VeraConfig } from "../../formats/peft/other_configs.ts";
import type { Model } from "../../models/model.ts";
import type { SavedValues } from "../named_adapter.ts";
import { placeVectors, type VectorFile, vectorsIn } from "../peft_vectors.ts";
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
export interface VeraFile extends VectorFile {
  /** Its configuration. */
  readonly config: VeraConfig;
  /** A and B for layers of these extents: those of the file or, without them, drawn from its key. */
  projections(needed: ProjectionShape): SharedProjections;
}

/** A and B with their extents. */
type SharedProjections = NonNullable<VeraPlan["projections"]>;

/**
 * Parses the content of a file of PEFT's VeRA.
 *
 * @throws {AdapterFileError} when a field of the configuration is not understood.
 * @throws {RangeError} when a tensor is none of VeRA's, or there are no vectors.
 */
export function parseVera({ config: json, tensors }: SavedValues): VeraFile {
  const config = parseVeraConfig(json);
  const own = new Map([...tensors].filter(([key]) => key !== keyA && key !== keyB));
  const file = vectorsIn(own, "VeRA", (ending) => /^vera_lambda_[bd]$/.test(ending));
  const projections = (needed: ProjectionShape) => projectionsOf(config, needed, tensors);
  return { config, ...file, projections };
}

/**
 * VeRA from a file of PEFT's that was read. Without the shared matrices in it, they are drawn from its key.
 *
 * @throws {AdapterFileError} when a field of the configuration is not understood.
 * @throws {RangeError} when the tensors are not those of VeRA on this model.
 */
export function loadVera(model: Model, given: SavedValues): VeraAdapter {
  const { config, projections, ...file } = parseVera(given);
  const { layers, saved, modulesToSave } = placeVectors(model, given, file, config, "VeRA");
  const { rank, dInitial, dropout, seed } = config;
  return new VeraAdapter(model, {
    ...{ rank, dInitial, dropout, seed, layers, modulesToSave, saved },
    projections: projections(projectionShape(layers, rank)),
  });
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
