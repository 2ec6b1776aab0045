/** Tensors of a file with updates added to them, a block of rows at a time. @module */

import { type HostData, type HostTensor, nonFiniteAt } from "../core/host_tensor.ts";
import { quote } from "../core/quote.ts";
import { cutRange } from "../core/row_range.ts";
import { formatShape, positionIn, type Shape, sizeOf } from "../core/shape.ts";
import { decode, type Dtype, encode, type FloatDtype } from "../formats/dtype.ts";
import { assertStoredFinite } from "../formats/finite_values.ts";
import type { SafetensorsFile, TrainedRows } from "../formats/mod.ts";
import type { EncodedTensor } from "../formats/encoded_tensor.ts";
import { changeOf, type LocatedUpdate, rowsChange, type StoredChange } from "./stored_change.ts";

/** Values of a block; a row may be longer. */
const blockValues = 2 ** 18;

/** A tensor of a file, and the type in which it is to be stored. */
export interface SourceTensor {
  /** The file. */
  readonly file: SafetensorsFile;
  /** Its name. */
  readonly key: string;
  /** The type to store it in; its own if it is not one of floats. */
  readonly dtype?: FloatDtype;
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

const floats: readonly Dtype[] = ["F32", "F16", "BF16"];

/** A tensor as it is, or in another type of floats. */
export function copiedTensor(source: SourceTensor): EncodedTensor {
  const { dtype: own, shape } = source.file.tensors.get(source.key)!;
  const isChanged = source.dtype !== undefined && [...floats, "F64"].includes(own);
  const dtype = isChanged ? source.dtype! : own;
  return { shape, dtype, pieces: () => copy(source, dtype) };
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

async function* copy(source: SourceTensor, dtype: Dtype): AsyncGenerator<Uint8Array> {
  for await (const { bytes, values, first } of blocksOf(source)) {
    if (!values) yield bytes;
    else yield encodeBlock(source, values, dtype as FloatDtype, first);
  }
}

/** A weight with its changes; their `sums` are complete once it is written. */
export function mergedTensor(source: SourceTensor, change: WeightChange): EncodedTensor {
  const { dtype: own, shape } = source.file.tensors.get(source.key)!;
  const dtype = source.dtype ?? own as FloatDtype;
  return { shape, dtype, pieces: () => merge(source, change, dtype) };
}

async function* merge(
  source: SourceTensor,
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

function encodeBlock(
  { file, key }: SourceTensor,
  data: HostData,
  dtype: FloatDtype,
  first: number,
): Uint8Array<ArrayBuffer> {
  assertStoredFinite("cannot merge", key, { ...file.tensors.get(key)!, data }, dtype, first);
  return encode(data, dtype) as Uint8Array<ArrayBuffer>;
}

/** Whole rows of a tensor of floats. */
async function* floatBlocks(source: SourceTensor) {
  const width = source.file.tensors.get(source.key)!.shape[1];
  for await (const { values, first } of blocksOf(source)) {
    yield { values: values!, first, top: first / width, width };
  }
}

/** Whole rows of a tensor: their bytes and, of floats, their values, which must be finite. */
async function* blocksOf({ file, key, values: others }: SourceTensor) {
  const { shape, dtype, bytes: all } = file.tensors.get(key)!, [rows] = shape;
  const size = sizeOf(shape), width = shape.length < 2 ? 1 : size / rows;
  if (size === 0) return;
  const most = Math.max(1, Math.floor(blockValues / width));
  for (const { start, count } of cutRange(size / width, most)) {
    const first = start * width, length = count * width, each = all / size;
    if (others) {
      const values = finiteValues(key, shape, others.data.subarray(first, first + length), first);
      yield { bytes: new Uint8Array(0), values, first };
      continue;
    }
    const bytes = await file.readBytes(key, first * each, length * each);
    if (![...floats, "F64"].includes(dtype)) yield { bytes, first };
    else yield { bytes, first, values: finiteValues(key, shape, decode(dtype, bytes), first) };
  }
}

function finiteValues(key: string, shape: Shape, values: HostData, first: number): HostData {
  const at = nonFiniteAt(values);
  if (at < 0) return values;
  throw new RangeError(
    `cannot merge ${quote(key)}: values must be finite in F32, found ${values[at]} at ${
      formatShape(positionIn(shape, first + at))
    }`,
  );
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
