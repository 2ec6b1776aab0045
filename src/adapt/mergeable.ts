/** What adapters of all methods that change weights change in the files of a base. @module */

import type { HostTensor } from "../core/host_tensor.ts";
import { quote } from "../core/quote.ts";
import type { AdapterException, PeftAdapter, TrainedUpdate } from "../formats/mod.ts";
import { readAdapter } from "../formats/mod.ts";
import type { BaseFile } from "../models/base_file.ts";
import { methodIn, usable } from "./load_any.ts";
import { readValues, savedModulesOf, type SavedValues } from "./saved_values.ts";
import { parseVera } from "./vera/load.ts";
import type { ProjectionShape } from "./vera/projections.ts";

/** What a merge of files needs to know of an adapter. */
export type Mergeable =
  & Pick<
    PeftAdapter,
    "updates" | "saved" | "savedModules" | "biases" | "rows" | "passed" | "promptFormat"
  >
  & {
    /** What was read of a method that trains copies of the base's tensors. */
    readonly copies?: SavedValues;
  };

type Reader = (base: BaseFile, file: SavedValues) => Partial<Mergeable>;

/** Readers of the methods that change weights, by what folders call them. */
const readers: Readonly<Record<string, Reader>> = {
  bitfit: copiesIn,
  "top-layers": copiesIn,
  vera: vectorsIn,
};

/**
 * Reads an adapter that is to be merged into a base.
 *
 * @throws {AdapterFileError} when the folder is not an adapter that can be read, or does not fit the base.
 * @throws {RangeError} when its method does not change weights.
 */
export async function readMergeable(
  base: BaseFile,
  folder: string,
  allow?: readonly AdapterException[],
): Promise<Mergeable> {
  const method = await methodIn(folder);
  if (method === undefined) return await readAdapter(folder, { withSaved: true, allow });
  if (typeof method !== "string" || !Object.hasOwn(readers, method)) {
    throw new RangeError(
      `merging needs an adapter that changes weights, found ${quote(method)} in ${folder}`,
    );
  }
  return await usable(folder, async () => {
    const file = await readValues(folder), { promptFormat } = file;
    const none = { updates: [], saved: new Map(), biases: new Map(), rows: new Map() };
    return { ...none, savedModules: [], passed: [], promptFormat, ...readers[method](base, file) };
  });
}

/** Tensors in the place of the base's, in the order of its files as these are. */
function copiesIn(_base: BaseFile, copies: SavedValues): Partial<Mergeable> {
  const { config, tensors } = copies;
  return { saved: tensors, savedModules: savedModulesOf(config), copies };
}

/** VeRA's changes as updates (b ⊙ B) (d ⊙ A), which are of rank r. */
function vectorsIn(base: BaseFile, file: SavedValues): Partial<Mergeable> {
  const { config: { rank, savedModules }, vectors, modules, others, projections } = parseVera(file);
  const shapes = modules.map((module) => base.describe(`${module}.weight`).shape);
  const most = (axis: 0 | 1) => shapes.reduce((max, shape) => Math.max(max, shape[axis]), 0);
  const shape: ProjectionShape = { rank, outputs: most(0), inputs: most(1) };
  const { A, B, shape: { inputs } } = projections(shape);
  const updates = modules.map((module, i): TrainedUpdate => {
    const [outputs, width] = shapes[i];
    const b = vectorOf(vectors, `${module}.vera_lambda_b`, outputs);
    const d = vectorOf(vectors, `${module}.vera_lambda_d`, rank);
    const ownA = Float32Array.from({ length: rank * width }, (_, at) => {
      const row = Math.floor(at / width);
      return d[row] * A[row * inputs + at % width];
    });
    const ownB = Float32Array.from(
      { length: outputs * rank },
      (_, at) => b[Math.floor(at / rank)] * B[at],
    );
    const factors = {
      A: { shape: [rank, width], data: ownA },
      B: { shape: [outputs, rank], data: ownB },
    };
    return { module, ...factors, scaling: 1 };
  });
  return { updates, saved: others, savedModules };
}

function vectorOf(vectors: ReadonlyMap<string, HostTensor>, name: string, count: number) {
  const { shape, data } = vectors.get(name) ?? { shape: [], data: new Float32Array() };
  if (shape.length === 1 && shape[0] === count) return data;
  throw new RangeError(`${name} must have ${count} values, found ${shape.join(" x ") || "none"}`);
}
