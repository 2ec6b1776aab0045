/** Applying Householder reflections to rows in the memory of `openRows`. @module */

import type { RowSpace } from "../blas/mod.ts";

/** Rows in the memory. */
export interface PlacedRows {
  /** Where the first one begins. */
  readonly place: number;
  /** How many there are. */
  readonly rows: number;
  /** Values of each. */
  readonly columns: number;
}

/** Reflections that are applied together, so that a row is read once for all of them. */
export const together = 4;

/** Values at the start of the memory that {@link reflectByGroup} uses. */
export const scratch: number = 2 * together;

/** Which reflections Hₚ = I − factorₚ vₚᵀ vₚ are applied. */
export interface Reflecting {
  /** vₚ in row p, with zeros before its first value. */
  readonly vectors: PlacedRows;
  /** factorₚ. */
  readonly factors: Float64Array;
  /** The columns before this one are zero in all vₚ that are applied. */
  readonly skip: number;
}

/** x ← x Hₚ for the rows of X from `begin` to `end`. */
export function reflectEach(
  { dot, addRow }: RowSpace,
  X: PlacedRows,
  [begin, end]: readonly [number, number],
  { vectors, factors, skip }: Reflecting,
  p: number,
): void {
  const { columns } = X, length = columns - skip, v = vectors.place + p * columns + skip;
  for (let row = begin; row < end; row++) {
    const x = X.place + row * columns + skip;
    addRow(x, v, length, -factors[p] * dot(x, v, length));
  }
}

/**
 * Applies four reflections to the rows of X from `begin` on, as I − Vᵀ T V (Schreiber and Van Loan 1989): with d = V x,
 * the sequence of reflections subtracts Σ cₚ vₚ with cₚ = factorₚ (dₚ − Σ (vₚ · v_q) c_q), summed over the q before p.
 *
 * @param order The reflections in the order in which they are applied, each in the same group of four.
 */
export function reflectByGroup(
  { values, dot, dotFour, addFour }: RowSpace,
  X: PlacedRows,
  begin: number,
  { vectors, factors, skip }: Reflecting,
  order: readonly number[],
): void {
  const { columns } = X, length = columns - skip, first = Math.min(...order);
  const v = vectors.place + first * columns + skip, slot = order.map((p) => p - first);
  const products = slot.map((p, i) =>
    slot.slice(0, i).map((q) => dot(v + p * columns, v + q * columns, length))
  );
  for (let row = begin; row < X.rows; row += 2) {
    const x = X.place + row * columns + skip, isPair = row + 1 < X.rows;
    const y = isPair ? x + columns : x;
    dotFour(x, y, v, columns, length, 0);
    for (let at = 0; at < 2 * together; at += together) {
      for (let i = 0; i < together; i++) {
        let sum = values[at + slot[i]];
        for (let j = 0; j < i; j++) sum += products[i][j] * values[at + slot[j]];
        values[at + slot[i]] = -factors[order[i]] * sum;
      }
    }
    if (!isPair) values.fill(0, together, 2 * together);
    addFour(x, y, v, columns, length, 0);
  }
}
