/** Updates of one layer seen as vectors, or by modes: their inner products, each update scaled to norm 1. @module */

import { frobeniusOf, type LowRankFactors, updateSvd } from "../../../src/analysis/mod.ts";
import {
  type DenseMatrix,
  denseOf,
  multiplyTransposed,
  rowsOf,
  stackedRows,
  transposed,
  zeros,
} from "../../../src/linalg/mod.ts";
import type { Products } from "./held.ts";

/** ΔW, A or B as one vector; the inputs that ΔW reads, or the outputs that it writes. */
export type View = "ΔW" | "A" | "B" | "inputs" | "outputs";

/** All of them. */
export const views: readonly View[] = ["ΔW", "A", "B", "inputs", "outputs"];

/** Inner products in a view, of updates of one rank. */
export function productsOf(view: View, updates: readonly LowRankFactors[]): Products {
  if (view === "inputs" || view === "outputs") return modeProducts(view, updates);
  const rank = updates[0].A.shape[0];
  const ofA = gramOf(updates.map(({ A }) => denseOf(A)));
  const ofB = gramOf(updates.map(({ B }) => transposed(denseOf(B))));
  const gram = blockSums(updates.length, rank, (a, b, at) => {
    if (view === "ΔW") return ofA.data[at] * ofB.data[at];
    return a === b ? (view === "A" ? ofA : ofB).data[at] : 0;
  });
  return { gram: unit(gram), rows: 1 };
}

/** All inner products of the rows of matrices. */
function gramOf(matrices: readonly DenseMatrix[]): DenseMatrix {
  const all = stackedRows(matrices);
  return multiplyTransposed(all, all);
}

/** The norms of updates, without their scaling. */
export function normsOf(updates: readonly LowRankFactors[]): number[] {
  return updates.map((update) => frobeniusOf(updateSvd({ ...update, scaling: 1 }).values));
}

/** Sums over blocks of rank x rank entries: a and b are places in a block, `at` is the place in the whole. */
function blockSums(
  count: number,
  rank: number,
  entry: (a: number, b: number, at: number) => number,
): DenseMatrix {
  const out = zeros(count, count), width = count * rank;
  for (let row = 0; row < width; row++) {
    for (let column = 0; column < width; column++) {
      const place = Math.floor(row / rank) * count + Math.floor(column / rank);
      out.data[place] += entry(row % rank, column % rank, row * width + column);
    }
  }
  return out;
}

/** Cosines instead of inner products. */
function unit({ rows, data }: DenseMatrix): DenseMatrix {
  const norms = Array.from({ length: rows }, (_, i) => Math.sqrt(data[i * rows + i]));
  const cosines = data.map((value, at) => value / norms[Math.floor(at / rows)] / norms[at % rows]);
  return { rows, columns: rows, data: cosines };
}

/** Of the rows of Σ V (or of Σ U): their sum of squares along a direction is that of ΔW. */
function modeProducts(side: "inputs" | "outputs", updates: readonly LowRankFactors[]): Products {
  const rank = updates[0].A.shape[0];
  const rows = updates.map((update) => {
    const { left, values, right } = updateSvd(update), norm = frobeniusOf(values);
    const vectors = rowsOf(side === "inputs" ? right : left, 0, rank), { columns } = vectors;
    const scaled = vectors.data.map((value, at) => value * values[Math.floor(at / columns)] / norm);
    return { ...vectors, data: scaled };
  });
  return { gram: gramOf(rows), rows: rank };
}
