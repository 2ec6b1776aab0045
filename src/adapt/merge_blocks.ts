/** Tensors of a file with updates added to them, a block of rows at a time. @module */

import type { HostData, HostTensor } from "../core/host_tensor.ts";
import { decode, encode, type FloatDtype } from "../formats/dtype.ts";
import type { EncodedTensor } from "../formats/encoded_tensor.ts";
import { assertStoredFinite } from "../formats/finite_values.ts";
import type { TrainedRows } from "../formats/mod.ts";
import { blocksOf, encodeBlock, type SourceTensor, valueBlocks } from "../formats/tensor_blocks.ts";
import { changeOf, type LocatedUpdate, rowsChange, type StoredChange } from "./stored_change.ts";

/** A weight of a file, and the type in which it is to be stored merged. */
export interface MergedSource extends SourceTensor {
  /** Values in the place of the file's, of the same shape. */
  readonly values?: HostTensor;
}

/** What a merge has done to a weight, which is known once it is written. */
export class MergeSums {
  /** Σ ΔW². */
  delta = 0;
  /** Σ W². */
  weight = 0;
  /** Σ (round(W + ΔW) − round(W)) ΔW. */
  kept = 0;
}

/** What is added to a weight. */
export interface WeightChange {
  /** The module, as its first adapter names it. */
  readonly module: string;
  /** The updates. */
  readonly updates: LocatedUpdate[];
  /** Rows that take the place of the weight's own. */
  rows?: TrainedRows;
  /** What they have done to it, once it is written. */
  readonly sums: MergeSums;
}

/** Other values in the place of a tensor. */
export function replacedTensor(key: string, tensor: HostTensor, dtype: FloatDtype): EncodedTensor {
  assertStoredFinite("cannot merge", key, tensor, dtype);
  return {
    ...{ shape: tensor.shape, dtype },
    pieces: async function* () {
      yield encode(tensor.data, dtype);
    },
  };
}

/** A weight with its changes; their `sums` are complete once it is written. */
export function mergedTensor(source: MergedSource, change: WeightChange): EncodedTensor {
  const { dtype: own, shape } = source.file.tensors.get(source.key)!;
  const dtype = source.dtype ?? own as FloatDtype;
  return { shape, dtype, pieces: () => merge(source, change, dtype) };
}

async function* merge(
  source: MergedSource,
  { updates, rows, sums }: WeightChange,
  dtype: FloatDtype,
): AsyncGenerator<Uint8Array> {
  const changes: StoredChange[] = rows ? [rowsChange(rows)] : [];
  for (const update of updates) changes.push(await changeOf(update, () => floatBlocks(source)));
  let delta = new Float64Array(0);
  for await (const { values, first, top, width } of floatBlocks(source)) {
    delta = delta.length === values.length ? delta.fill(0) : new Float64Array(values.length);
    for (const change of changes) change.addTo(delta, { values, top, width });
    const merged = new Float32Array(delta.length);
    for (let i = 0; i < merged.length; i++) merged[i] = values[i] + delta[i];
    const bytes = encodeBlock(source, merged, dtype, first);
    addSums(sums, values, delta, bytes, dtype);
    yield bytes;
  }
}

/** Whole rows of a tensor of floats. */
async function* floatBlocks(source: MergedSource) {
  const { shape: [, width] } = source.file.tensors.get(source.key)!;
  const blocks = source.values ? valueBlocks(source, source.values) : blocksOf(source);
  for await (const { values, first } of blocks) {
    yield { values: values!, first, top: first / width, width };
  }
}

function addSums(
  sums: MergeSums,
  before: HostData,
  delta: Float64Array,
  stored: Uint8Array<ArrayBuffer>,
  dtype: FloatDtype,
): void {
  const after = decode(dtype, stored);
  const rounded = decode(dtype, encode(before, dtype) as Uint8Array<ArrayBuffer>);
  for (let i = 0; i < delta.length; i++) {
    sums.delta += delta[i] * delta[i];
    sums.weight += before[i] * before[i];
    sums.kept += (after[i] - rounded[i]) * delta[i];
  }
}
