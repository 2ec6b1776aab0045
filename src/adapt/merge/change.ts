/** Change that an update adds to the rows of a weight as its file holds it. @module */

import type { HostData, HostTensor } from "../../core/tensor.ts";
import { rangesOf } from "../../core/update.ts";
import type { TrainedRows, TrainedUpdate } from "../../formats/mod.ts";
import type { FloatDtype } from "../../core/float_types.ts";
import type { AdapterRecord } from "../../formats/peft/record.ts";
import {
  assertStoredFinite,
  decode,
  encode,
  type EncodedTensor,
} from "../../formats/safetensors/header.ts";
import {
  blocksOf,
  encodeBlock,
  type SourceTensor,
  valueBlocks,
} from "../../formats/safetensors/read.ts";
import { multiply } from "../../linalg/matrix.ts";
import { type DenseMatrix, rowsOf, scaledBy, transposed } from "../../linalg/mod.ts";
import type { BaseFile } from "../../models/base_file.ts";
import { transpose } from "../../models/layers.ts";

// Not that of the system's BLAS, whose threads take more memory than the blocks.

/** An update, and whether the file holds its weight as (in, out). */
export interface LocatedUpdate {
  /** The update, of which VeRA makes the factors when the weight is written. */
  readonly update: TrainedUpdate;
  /** True if the weight is turned. */
  readonly isTransposed: boolean;
}

/** A change that is no update, and whether the file holds its weight as (in, out). */
export interface LocatedChange {
  /** The change of a weight, which may be turned. */
  readonly change: (isTransposed: boolean) => AddChange;
  /** True if the weight is turned. */
  readonly isTransposed: boolean;
}

/** Whole rows of a weight as the file holds it. */
export interface WeightBlock {
  /** Their values. */
  readonly values: HostData;
  /** The first of them. */
  readonly top: number;
  /** Number of columns in the file. */
  readonly width: number;
}

/** Adds a change of a block, which depends on the block's values in DoRA and (IA)³. */
export type AddChange = (delta: Float64Array, block: WeightBlock) => void;

/** A product that is added to some rows and columns of a weight. */
interface StoredProduct {
  /** (rows, rank), with the scaling. */
  readonly left: DenseMatrix;
  /** (rank, columns). */
  readonly right: DenseMatrix;
  readonly firstRow: number;
  readonly firstColumn: number;
}

/**
 * The change that an update makes: s B A or, with magnitudes, m V / ‖V‖ − W by outputs, with V = W + s B A
 * (Liu et al. 2024, equation 5). The norms take a pass through the blocks.
 */
async function changeOf(
  located: LocatedUpdate | LocatedChange,
  blocks: () => AsyncIterable<WeightBlock>,
): Promise<AddChange> {
  if ("change" in located) return located.change(located.isTransposed);
  const { update, isTransposed } = located;
  const products = storedProducts(update, isTransposed), { magnitude } = update;
  if (!magnitude) return (delta, block) => addProducts(delta, block, products);
  const squares = new Float64Array(magnitude.data.length);
  for await (const block of blocks()) {
    const V = directionOf(block, products);
    for (let i = 0; i < V.length; i++) squares[outputOf(i, block, isTransposed)] += V[i] * V[i];
  }
  const factors = squares.map((sum, output) => magnitude.data[output] / Math.sqrt(sum));
  return (delta, block) => {
    const V = directionOf(block, products);
    for (let i = 0; i < V.length; i++) {
      delta[i] += factors[outputOf(i, block, isTransposed)] * V[i] - block.values[i];
    }
  };
}

/** The change that updates make to a whole weight, in float64. */
export async function wholeChange(
  updates: WeightChange["updates"],
  { shape, data: values }: HostTensor,
): Promise<HostTensor> {
  const block = { values, top: 0, width: shape[1] }, delta = new Float64Array(values.length);
  const blocks = async function* () {
    yield block;
  };
  for (const update of updates) (await changeOf(update, blocks))(delta, block);
  return { shape, data: delta };
}

/** The change v − W of the rows of a table that others take the place of. */
export function rowsChange({ indices, values: { data } }: TrainedRows): AddChange {
  return (delta, { values, top, width }) => {
    indices.forEach((index, i) => {
      const at = (index - top) * width;
      if (at < 0 || at >= delta.length) return;
      for (let j = 0; j < width; j++) delta[at + j] += data[i * width + j] - values[at + j];
    });
  };
}

/** b + s · bias, which a layer's bias becomes with that of its B. */
export function changedBias(
  { shape, data }: HostTensor,
  bias: HostTensor,
  scaling: number,
): HostTensor {
  return { shape, data: Float32Array.from(data, (value, i) => value + scaling * bias.data[i]) };
}

/** V = W + s B A of a block. */
function directionOf(block: WeightBlock, products: readonly StoredProduct[]): Float64Array {
  const V = Float64Array.from(block.values);
  addProducts(V, block, products);
  return V;
}

/**
 * Index of the output that a value of a block belongs to: its row or, where the weight is turned,
 * its column.
 */
const outputOf = (index: number, { top, width }: WeightBlock, isTransposed: boolean): number =>
  isTransposed ? index % width : top + Math.floor(index / width);

/** s B A, or s (B A)ᵀ = s Aᵀ Bᵀ where the file holds the weight as (in, out), for each range of its rows. */
function storedProducts(
  { A, B, scaling, rows = { start: 0, count: B.shape[0] } }: TrainedUpdate,
  isTransposed: boolean,
): StoredProduct[] {
  const all = toDense(B);
  return rangesOf(rows).map(({ before, start, count }) => {
    const own = rowsOf(all, before, count);
    const [left, right] = isTransposed
      ? [toDense(transpose(A)), transposed(own)]
      : [own, toDense(A)];
    const [firstRow, firstColumn] = isTransposed ? [0, start] : [start, 0];
    return { left: scaledBy(left, scaling), right, firstRow, firstColumn };
  });
}

const toDense = ({ shape: [rows, columns], data }: HostTensor): DenseMatrix => ({
  ...{ rows, columns, data: Float64Array.from(data) },
});

function addProducts(
  delta: Float64Array,
  block: WeightBlock,
  products: readonly StoredProduct[],
): void {
  for (const product of products) addProduct(delta, block, product);
}

/** Adds the rows of a product that a block has, from the block's first row on. */
function addProduct(
  delta: Float64Array,
  { top, width }: WeightBlock,
  { left, right, firstRow, firstColumn }: StoredProduct,
): void {
  const start = Math.max(top, firstRow);
  const end = Math.min(top + delta.length / width, firstRow + left.rows);
  if (start >= end) return;
  const { data, columns } = multiply(rowsOf(left, start - firstRow, end - start), right);
  for (let row = start; row < end; row++) {
    const at = (row - top) * width + firstColumn, from = (row - start) * columns;
    for (let j = 0; j < columns; j++) delta[at + j] += data[from + j];
  }
}

/** A weight of a file, and the type in which it is to be stored merged. */
export interface MergedSource extends SourceTensor {
  /** Values in the place of the file's, of the same shape. */
  readonly values?: HostTensor;
}

/** Sums over the changes that a merge makes to a weight, known once it is written. */
export class MergeSums {
  /** Σ ΔW². */
  delta = 0;
  /** Σ W². */
  weight = 0;
  /** Σ (round(W + ΔW) − round(W)) ΔW. */
  kept = 0;
}

/** Changes that are added to a weight. */
export interface WeightChange {
  /** The module, as its first adapter names it. */
  readonly module: string;
  /** The updates, and changes of another form, in the order of the adapters. */
  readonly updates: (LocatedUpdate | LocatedChange)[];
  /** Rows that take the place of the weight's own. */
  rows?: TrainedRows;
  /** Sums over these changes, once the weight is written. */
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
  const changes: AddChange[] = rows ? [rowsChange(rows)] : [];
  for (const update of updates) changes.push(await changeOf(update, () => floatBlocks(source)));
  let delta = new Float64Array(0);
  for await (const { values, first, top, width } of floatBlocks(source)) {
    delta = delta.length === values.length ? delta.fill(0) : new Float64Array(values.length);
    for (const add of changes) add(delta, { values, top, width });
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

/**
 * ΔW = m · V / ‖V‖ − W with V = W + s B A (Liu et al. 2024, equation 5), (out, in), in float64.
 *
 * @throws {RangeError} when the base has no weight that fits.
 */
export async function doraDelta(update: TrainedUpdate, base: BaseFile): Promise<HostTensor> {
  const { key, isTransposed } = base.locate(update), stored = await base.file.read(key);
  const values = isTransposed ? transpose(stored) : stored;
  return await wholeChange([{ update, isTransposed: false }], values);
}

/** Changes that a method makes in the files of a base. */
export interface BaseChanges extends AdapterRecord {
  /** Changes that are no updates, with the weights' names in the file and their modules. */
  readonly changes?: readonly (LocatedChange & { readonly key: string; readonly module: string })[];
}
