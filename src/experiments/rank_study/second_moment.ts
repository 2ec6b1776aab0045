/** S = E[x xᵀ] over what a layer really sees: the metric in which its updates act. @module */

import { Tape } from "../../autograd/mod.ts";
import type { HostTensor } from "../../core/host_tensor.ts";
import type { Tensor } from "../../device/device.ts";
import { type DenseMatrix, multiply, transposed, zeros } from "../../linalg/mod.ts";
import type { Model, ModelInputs } from "../../models/mod.ts";
import type { Batch } from "../../train/mod.ts";

/**
 * The second moment (in, in) of the inputs of some of a model's linear layers, from the model's own
 * forward passes, padding left out. Inputs of one layer differ between adapters of the layers below:
 * give it the base where adapters are to be compared.
 *
 * @param names Paths of the layers, such as `transformer.h.0.attn.c_attn`.
 */
export async function secondMoments(
  model: Model<ModelInputs>,
  names: readonly string[],
  batches: Iterable<Batch>,
): Promise<Map<string, DenseMatrix>> {
  const layers = model.linears.filter(({ name }) => names.includes(name));
  const sums = layers.map(({ weight }) => zeros(weight.shape[1], weight.shape[1]));
  const weights = layers.map(({ weight }) => weight.name);
  let count = 0;
  for (const batch of batches) {
    const places = realPlaces(batch.targets);
    const inputs = await readInputs(model, weights, batch);
    inputs.forEach((input, i) => addSquare(sums[i], rowsAt(input, places)));
    count += places.length;
  }
  for (const { data } of sums) for (let i = 0; i < data.length; i++) data[i] /= count;
  return new Map(layers.map(({ name }, i) => [name, sums[i]]));
}

/** Each layer's input (batch · time, in), read before the tape frees it. */
async function readInputs(
  model: Model<ModelInputs>,
  weights: readonly string[],
  { inputs }: Batch,
): Promise<HostTensor[]> {
  const seen = new Map<string, Tensor>();
  const onLinear = (weight: string, input: Tensor) => seen.set(weight, input);
  using tape = new Tape(model.device, { record: false, onLinear });
  model.forward(tape, inputs);
  return await model.device.read(...weights.map((weight) => seen.get(weight)!));
}

/** Places (row-major) of a text's tokens: in each row those up to the last one that is scored. */
export function realPlaces({ shape: [rows, length], data }: HostTensor): number[] {
  const places: number[] = [];
  for (let row = 0; row < rows; row++) {
    const targets = data.subarray(row * length, (row + 1) * length);
    const end = targets.findLastIndex((target) => target >= 0);
    for (let at = 0; at <= end; at++) places.push(row * length + at);
  }
  return places;
}

function rowsAt({ shape, data }: HostTensor, places: readonly number[]): DenseMatrix {
  const columns = shape[1], rows = zeros(places.length, columns);
  places.forEach((place, i) => {
    rows.data.set(data.subarray(place * columns, (place + 1) * columns), i * columns);
  });
  return rows;
}

/** sum += Xᵀ X. */
function addSquare({ data }: DenseMatrix, x: DenseMatrix): void {
  const square = multiply(transposed(x), x).data;
  for (let i = 0; i < data.length; i++) data[i] += square[i];
}
