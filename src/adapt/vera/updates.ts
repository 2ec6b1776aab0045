/** VeRA's changes of weights as updates of low rank, without a device. @module */

import { matrixFactors } from "../../analysis/mod.ts";
import { formatShape, type HostTensor, type Shape } from "../../core/tensor.ts";
import { deltaWeight } from "../../core/update.ts";
import { oneLine } from "../../core/errors.ts";
import type { TrainedUpdate } from "../../formats/mod.ts";
import type { BaseFile } from "../../models/base_file.ts";
import type { VeraFile } from "./load.ts";

/**
 * ΔW = Λ_b B Λ_d A of every layer as an update of the factors b ⊙ B `(out, r)` and d ⊙ A `(r, in)`, which are made
 * when they are read: their products are exact in float64, and those of all layers would be many times the file.
 *
 * @param base The model, as a file does not say how many inputs a layer has.
 * @throws {RangeError} when the base has no such layer, or vectors or projections do not fit it.
 */
export function veraUpdates(base: BaseFile, file: VeraFile): TrainedUpdate[] {
  const { config: { rank }, vectors, modules, projections } = file;
  const shapes = modules.map((module) => shapeOf(base, module));
  const most = (axis: 0 | 1) => shapes.reduce((max, shape) => Math.max(max, shape[axis]), 0);
  const { A, B, shape: { inputs: stride } } = projections({
    rank,
    outputs: most(0),
    inputs: most(1),
  });
  return modules.map((module, i) => {
    const [outputs, inputs] = shapes[i];
    const b = vectorOf(vectors, `${module}.vera_lambda_b`, outputs);
    const d = vectorOf(vectors, `${module}.vera_lambda_d`, rank);
    return {
      ...{ module, scaling: 1 },
      A: madeFactor([rank, inputs], { values: A, stride }, d),
      B: madeFactor([outputs, rank], { values: B, stride: rank }, b),
    };
  });
}

/** The extents of a layer's weight, (out, in). */
function shapeOf(base: BaseFile, module: string): Shape {
  const { shape } = base.describe(`${module}.weight`);
  if (shape.length === 2) return shape;
  throw new RangeError(
    `VeRA needs linear layers, found ${oneLine(module)}, whose weight is ${formatShape(shape)}`,
  );
}

function vectorOf(vectors: VeraFile["vectors"], name: string, count: number): ArrayLike<number> {
  const { shape, data } = vectors.get(name) ?? { shape: [], data: new Float32Array() };
  if (shape.length === 1 && shape[0] === count) return data;
  throw new RangeError(
    `${oneLine(name)} must have ${count} values, found ${shape.join(" x ") || "none"}`,
  );
}

/** factor ⊙ M for the first rows and columns of a matrix, row by row, each time that its values are asked for. */
const madeFactor = (
  shape: Shape,
  matrix: { readonly values: ArrayLike<number>; readonly stride: number },
  factors: ArrayLike<number>,
): HostTensor => ({
  shape,
  get data() {
    return scaledRows(shape, matrix, factors);
  },
});

function scaledRows(
  [rows, columns]: Shape,
  { values, stride }: { readonly values: ArrayLike<number>; readonly stride: number },
  factors: ArrayLike<number>,
): Float64Array {
  const data = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      data[i * columns + j] = factors[i] * values[i * stride + j];
    }
  }
  return data;
}

/**
 * The same update in memory, with a rank that its matrix can have: VeRA's is often larger than a side of a weight.
 * There ΔW itself, in F32, becomes one of the factors.
 */
export function withinSides(update: TrainedUpdate): TrainedUpdate {
  const { A, B, module } = update, [rank, inputs] = A.shape, [outputs] = B.shape;
  if (rank > Math.min(inputs, outputs)) return matrixFactors(deltaWeight(update), module);
  return { ...update, A: { ...A }, B: { ...B } };
}
