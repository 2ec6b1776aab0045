/** A masked language model that makes logits for the chosen places alone: a seventh of the head's work. @module */

import type { Tape } from "../../src/autograd/mod.ts";
import type { Batch, ModelInputs } from "../../src/core/batch.ts";
import type { Tensor } from "../../src/device/mod.ts";
import type { TextModel } from "../../src/models/mod.ts";
import type { TrainableModel } from "../../src/train/mod.ts";

/** Inputs with the places whose tokens are to be said. */
export interface ScoredInputs extends ModelInputs {
  /** Places in batch · time. */
  readonly rows: readonly number[];
}

/** The same batch with targets for the chosen places alone. */
export function scoredBatch({ inputs, targets: { data } }: Batch): Batch<ScoredInputs> {
  const rows = Array.from(data.keys()).filter((at) => data[at] >= 0);
  const targets = { shape: [rows.length], data: Int32Array.from(rows, (at) => data[at]) };
  return { inputs: { ...inputs, rows }, targets };
}

/** The model with a forward that takes such batches. */
export function scoredRows(model: TextModel): TrainableModel<ScoredInputs> {
  const { device, parameters, linears } = model;
  return {
    device,
    parameters,
    linears,
    trainable: () => model.trainable(),
    forward: (tape: Tape, { rows, ...inputs }: ScoredInputs): Tensor =>
      model.forward(tape, inputs, { rows }),
  };
}
