/** What an update adds to the rows of a weight as its file holds it. @module */

import type { HostData, HostTensor } from "../core/host_tensor.ts";
import { rangesOf } from "../core/row_range.ts";
import type { TrainedRows, TrainedUpdate } from "../formats/mod.ts";
import { type DenseMatrix, rowsOf, scaledBy, transposed } from "../linalg/mod.ts";
// Not that of the system's BLAS, whose threads take more memory than the blocks.
import { multiply } from "../linalg/products.ts";
import { transpose } from "../models/transpose.ts";

/** An update, and whether the file holds its weight as (in, out). */
export interface LocatedUpdate {
  /** Makes it when the weight is written, as the factors of all weights may be many. */
  readonly read: () => TrainedUpdate;
  /** Whether the weight is turned. */
  readonly isTransposed: boolean;
}

/** Whole rows of a weight as the file holds it. */
export interface WeightBlock {
  /** Their values. */
  readonly values: HostData;
  /** The first of them. */
  readonly top: number;
  /** How many columns the file has. */
  readonly width: number;
}

/** An update in the orientation of the file. */
export interface StoredChange {
  /** Adds its change of a block, which depends on the block's values in DoRA. */
  addTo(delta: Float64Array, block: WeightBlock): void;
}

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
export async function changeOf(
  { read, isTransposed }: LocatedUpdate,
  blocks: () => AsyncIterable<WeightBlock>,
): Promise<StoredChange> {
  const update = read(), products = storedProducts(update, isTransposed), { magnitude } = update;
  if (!magnitude) return { addTo: (delta, block) => addProducts(delta, block, products) };
  const squares = new Float64Array(magnitude.data.length);
  for await (const block of blocks()) {
    const V = directionOf(block, products);
    for (let i = 0; i < V.length; i++) squares[outputOf(i, block, isTransposed)] += V[i] * V[i];
  }
  const factors = squares.map((sum, output) => magnitude.data[output] / Math.sqrt(sum));
  return {
    addTo(delta, block) {
      const V = directionOf(block, products);
      for (let i = 0; i < V.length; i++) {
        delta[i] += factors[outputOf(i, block, isTransposed)] * V[i] - block.values[i];
      }
    },
  };
}

/** The change that updates make to a whole weight, in float64. */
export async function wholeChange(
  updates: readonly LocatedUpdate[],
  { shape, data: values }: HostTensor,
): Promise<HostTensor> {
  const block = { values, top: 0, width: shape[1] }, delta = new Float64Array(values.length);
  const blocks = async function* () {
    yield block;
  };
  for (const update of updates) (await changeOf(update, blocks)).addTo(delta, block);
  return { shape, data: delta };
}

/** The change v − W of the rows of a table that others take the place of. */
export function rowsChange({ indices, values: { data } }: TrainedRows): StoredChange {
  return {
    addTo(delta, { values, top, width }) {
      indices.forEach((index, i) => {
        const at = (index - top) * width;
        if (at < 0 || at >= delta.length) return;
        for (let j = 0; j < width; j++) delta[at + j] += data[i * width + j] - values[at + j];
      });
    },
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

/** Which output a value of a block belongs to: its row or, where the weight is turned, its column. */
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
