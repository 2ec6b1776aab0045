/** The proof of a conversion: how far the updates after it are from those before. @module */

import type { HostData } from "../../core/host_tensor.ts";
import type { LowRankUpdate } from "../../core/low_rank_update.ts";
import { boundsOf } from "../../core/numbers.ts";
import { indicesOf } from "../../core/row_range.ts";
import { type FloatDtype, type Rounding, roundings } from "../../formats/dtype.ts";

/** What a conversion has done to one module. */
export interface ConvertedModule {
  /** Path of the layer. */
  readonly module: string;
  /** The rank of its updates together, before. */
  readonly rankBefore: number;
  /** The same after. */
  readonly rank: number;
  /** The factor of B A after: α / r of the new file. */
  readonly scaling: number;
  /** max |ΔW before − ΔW after| over all entries. */
  readonly difference: number;
  /** The most that rounding can explain. */
  readonly limit: number;
}

/** ΔW of a module as a sum of outer products; a column has the scaling. */
interface Terms {
  readonly columns: Float64Array[];
  readonly rows: HostData[];
}

/** Four roundings to F32 are between the two in any case: those of α, of the scaling, and of a factor twice. */
const always = 4 * roundings.F32.share;

/**
 * Compares ΔW module by module, both in float64. What rounding explains is bounded by Cauchy and Schwarz:
 * |ΔWᵢⱼ| ≤ ‖row i of s B‖ · ‖column j of A‖. In 16 bits each value of A and B is rounded once more, by a share of
 * itself or, where F16 has no smaller numbers, by a constant.
 *
 * Only what differs is multiplied, row by row: where A has the same bits, one product of the difference of
 * s B, and none where that is zero. Memory: the factors in float64.
 *
 * @param dtype How the file holds A and B; they were exact in it unless it is given.
 * @throws {RangeError} when the modules are not the same.
 */
export function proveUpdates(
  before: readonly LowRankUpdate[],
  after: readonly LowRankUpdate[],
  dtype?: FloatDtype,
): ConvertedModule[] {
  const old = Map.groupBy(before, ({ module }) => module);
  const fresh = Map.groupBy(after, ({ module }) => module);
  const lost = [...old.keys()].find((name) => !fresh.has(name)) ??
    [...fresh.keys()].find((name) => !old.has(name));
  if (lost !== undefined) {
    throw new RangeError(`both adapters must have the same modules, found "${lost}" in one only`);
  }
  return [...old].map(([module, sites]) => {
    const [one, other] = [sites, fresh.get(module)!].map(termsOf);
    const { scaling } = fresh.get(module)![0];
    return {
      module,
      rankBefore: one.rows.length,
      rank: other.rows.length,
      scaling,
      difference: largestEntry(differenceOf(one, other)),
      limit: limitOf(one, scaling, dtype && roundings[dtype]),
    };
  });
}

/** Throws for a module whose difference is more than rounding explains. */
export function assertProven(modules: readonly ConvertedModule[]): void {
  // Not `difference > limit`, which is false of NaN.
  const wrong = modules.find(({ difference, limit }) => !(difference <= limit));
  if (wrong === undefined) return;
  throw new RangeError(
    `nothing was written: the new file must have the same dW up to rounding (${
      wrong.limit.toPrecision(2)
    } in "${wrong.module}"), found a difference of ${wrong.difference.toPrecision(2)}`,
  );
}

/** The rows of the weight that an update changes. */
const placesOf = ({ B, rows = { start: 0, count: B.shape[0] } }: LowRankUpdate): number[] =>
  indicesOf(rows);

function termsOf(sites: readonly LowRankUpdate[]): Terms {
  const terms: Terms = { columns: [], rows: [] };
  const placed = sites.map((site) => ({ site, places: placesOf(site) }));
  for (const { site, places } of placed.toSorted((a, b) => a.places[0] - b.places[0])) {
    const { A, B, outputs = B.shape[0], scaling } = site, [rank, inner] = A.shape;
    for (let r = 0; r < rank; r++) {
      const column = new Float64Array(outputs);
      places.forEach((place, i) => column[place] = scaling * B.data[i * rank + r]);
      terms.columns.push(column);
      terms.rows.push(A.data.subarray(r * inner, (r + 1) * inner));
    }
  }
  return terms;
}

function differenceOf(one: Terms, other: Terms): Terms {
  const columns: Float64Array[] = [], rows: HostData[] = [];
  const add = (column: Float64Array, row: HostData) => {
    if (column.every((value) => value === 0) || row.every((value) => value === 0)) return;
    columns.push(column);
    rows.push(row);
  };
  for (let r = 0; r < Math.max(one.rows.length, other.rows.length); r++) {
    const [a, b] = [one.columns[r], other.columns[r]];
    if (a && b && isSame(one.rows[r], other.rows[r]) && a.length === b.length) {
      add(a.map((value, i) => value - b[i]), one.rows[r]);
      continue;
    }
    if (a) add(a, one.rows[r]);
    if (b) add(b.map((value) => -value), other.rows[r]);
  }
  return { columns, rows };
}

const isSame = (a: HostData, b: HostData): boolean =>
  a.length === b.length && a.every((value, i) => value === b[i]);

function largestEntry({ columns, rows }: Terms): number {
  if (columns.length === 0) return 0;
  const sum = new Float64Array(rows[0].length);
  let largest = 0;
  for (let i = 0; i < columns[0].length; i++) {
    sum.fill(0);
    columns.forEach((column, r) => addScaledRow(sum, column[i], rows[r]));
    for (const value of sum) largest = value === value ? Math.max(largest, Math.abs(value)) : NaN;
  }
  return largest;
}

function addScaledRow(sum: Float64Array, factor: number, row: HostData): void {
  if (factor === 0) return;
  for (let j = 0; j < sum.length; j++) sum[j] += factor * row[j];
}

/** The difference that rounding explains: max ‖row of s B‖ · max ‖column of A‖, times its shares, and what it adds to small values. */
function limitOf({ columns, rows }: Terms, scaling: number, rounding?: Rounding): number {
  const [B, A] = [columns, rows].map(longest);
  if (rounding === undefined) return always * B * A;
  const { share, least } = rounding, added = least * Math.sqrt(rows.length);
  const [moreB, moreA] = [share * B + Math.abs(scaling) * added, share * A + added];
  return always * B * A + moreB * A + B * moreA + moreB * moreA;
}

/** The largest norm over the positions of equally long vectors. */
function longest(vectors: readonly ArrayLike<number>[]): number {
  const squares = new Float64Array(vectors[0].length);
  for (const vector of vectors) {
    for (let i = 0; i < squares.length; i++) squares[i] += vector[i] * vector[i];
  }
  return Math.sqrt(boundsOf(squares)[1]);
}
