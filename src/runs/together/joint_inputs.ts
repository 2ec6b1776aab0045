/** Inputs of several runs as those of one pass. @module */

import { targetRows, type TwoParts } from "../../autograd/head_loss.ts";
import type { Batch, ModelInputs } from "../../core/batch.ts";
import { type HostData, type HostTensor, hostTensor } from "../../core/host_tensor.ts";

/**
 * What batches must have in common to be computed in one pass: the names of their inputs, all extents but the first
 * one, and whether padding may be left out. `undefined` where there are none, which a model refuses, and for packed
 * sequences.
 */
export function formOf(
  batch: Batch | undefined,
  model: TwoParts<ModelInputs>,
): string | undefined {
  const inputs = batch?.inputs, parts = partsOf(inputs), rows = inputs?.tokens?.shape?.[0];
  const areWhole = parts.length > 0 && !inputs!.lengths && batch?.targets?.data &&
    parts.every(([, { shape, data }]) =>
      Array.isArray(shape) && shape.length === 2 && shape[0] === rows &&
      data?.length === shape[0] * shape[1]
    );
  if (!areWhole) return undefined;
  const isPadded = model.keepsPadding?.(inputs!, targetRows(model, batch!).rows);
  return parts.map(([name, { shape, data }]) => `${name} ${shape[1]} ${data.constructor.name}`)
    .sort().concat(isPadded ? "padded" : []).join();
}

/** The rows of all, in order; of one form. */
export function joinInputs(all: readonly ModelInputs[]): ModelInputs {
  const joined = partsOf(all[0]).map(([name, { shape: [, width] }]) => {
    const tensors = all.map((inputs) => inputs[name]!), size = lengthOf(tensors);
    const Values = tensors[0].data.constructor as new (length: number) => HostData;
    const data = new Values(size);
    let at = 0;
    for (const tensor of tensors) {
      data.set(tensor.data as never, at);
      at += tensor.data.length;
    }
    return [name, hostTensor([size / width, width], data)] as const;
  });
  return Object.fromEntries(joined) as unknown as ModelInputs;
}

/** The targets of several batches, and the rows of a pass of all that they belong to, in order. */
export interface JointTargets {
  /** Those of each batch. */
  readonly targets: readonly HostTensor[];
  /** The rows, where the model picks rows. */
  readonly rows?: readonly number[];
  /** How many of the head's rows are each batch's. */
  readonly counts: readonly number[];
}

/** The rows with a target of each batch as rows of a pass of all. */
export function joinTargets(
  model: TwoParts<ModelInputs>,
  batches: readonly Batch[],
): JointTargets {
  const wanted = batches.map((batch) => targetRows(model, batch));
  const targets = wanted.map(({ targets }) => targets);
  if (!model.picksRows) {
    return { targets, counts: batches.map(({ inputs }) => inputs.tokens.shape[0]) };
  }
  let before = 0;
  const rows = batches.map(({ inputs: { tokens: { data: { length } } } }, at) => {
    const start = before;
    before += length;
    return Array.from(wanted[at].rows ?? Array(length).keys(), (row) => start + row);
  });
  return { targets, rows: rows.flat(), counts: rows.map(({ length }) => length) };
}

const lengthOf = (tensors: readonly HostTensor[]): number =>
  tensors.reduce((sum, { data }) => sum + data.length, 0);

/** The inputs that there are. */
function partsOf(inputs: ModelInputs | undefined): [TensorName, HostTensor][] {
  const all = Object.entries(inputs ?? {}) as [TensorName | "lengths", HostTensor | undefined][];
  return all.filter((entry): entry is [TensorName, HostTensor] =>
    entry[0] !== "lengths" && entry[1] !== undefined
  );
}

type TensorName = Exclude<keyof ModelInputs, "lengths">;
