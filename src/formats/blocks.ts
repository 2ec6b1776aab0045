/** Several sites of one weight as one adapter with blocks of zeros, and back. @module */

import type { RowRange, SiteRows } from "../core/row_range.ts";
import { ShapeError } from "../core/errors.ts";
import type { HostData, HostTensor } from "../core/host_tensor.ts";
import { formatShape } from "../core/shape.ts";

/** A low-rank update of some rows of a weight: ΔW[rows] = scaling·B·A. */
export interface BlockSite {
  /** `(rank, in)`. */
  readonly A: HostTensor;
  /** `(rows, rank)`. */
  readonly B: HostTensor;
  /** The site's factor. */
  readonly scaling: number;
  /** Which rows of the weight the site's rows are. */
  readonly rows: SiteRows;
}

/** A low-rank update of a whole weight: ΔW = scaling·B·A. */
export interface BlockAdapter {
  /** `(rank, in)`: the sites' A below each other. */
  readonly A: HostTensor;
  /** `(out, rank)`: each site's B in its rows and columns, zeros elsewhere. */
  readonly B: HostTensor;
  /** The sum of the sites' ranks. */
  readonly rank: number;
  /** The factor of all sites. */
  readonly scaling: number;
}

/**
 * Joins sites of one weight into one adapter of the same ΔW, as one PEFT module holds it.
 *
 * The scaling is the sites'; where they differ it is the largest in size, and the others' ratio to it
 * goes into their B (rounded to F32, exact for ratios that are powers of two).
 *
 * @param out Rows of the weight.
 * @throws {ShapeError} Where shapes do not fit, rows lie outside the weight or in two sites, or there
 * is no site.
 *
 * @example
 * ```ts
 * import { blockAdapter } from "@lowrank/core/formats";
 *
 * const A = { shape: [1, 2], data: Float32Array.of(1, 2) };
 * const B = { shape: [1, 1], data: Float32Array.of(3) };
 * const query = { A, B, scaling: 2, rows: { start: 0, count: 1 } };
 * const value = { A, B, scaling: 2, rows: { start: 2, count: 1 } };
 * console.log(blockAdapter([query, value], 3).B.data); // [3, 0, 0, 0, 0, 3]
 * ```
 */
export function blockAdapter(sites: readonly BlockSite[], out: number): BlockAdapter {
  if (sites.length === 0) throw new ShapeError("blocks need at least one site, found none");
  const inner = sites[0].A.shape[1];
  sites.forEach((site) => checkSite(site, inner));
  rowOwners(sites.map(({ rows }) => rows), out);
  const scaling = commonScaling(sites);
  const rank = sites.reduce((sum, { A }) => sum + A.shape[0], 0);
  const A = new Float32Array(rank * inner);
  const B = new Float32Array(out * rank);
  let first = 0;
  for (const site of sites) {
    A.set(site.A.data, first * inner);
    placeBlock(B, rank, first, site, scaling === 0 ? 1 : site.scaling / scaling);
    first += site.A.shape[0];
  }
  return {
    A: { shape: [rank, inner], data: A },
    B: { shape: [out, rank], data: B },
    rank,
    scaling,
  };
}

/**
 * Splits an adapter of a whole weight back into its sites; the inverse of {@link blockAdapter}.
 *
 * A column of B belongs to the site whose rows hold all its values that are not zero. Columns of
 * zeros go where they make the sites' ranks equal, else to the site of the column before. Sites
 * without a column are left out, and each site found carries the `rows` that were given.
 *
 * @param adapter A `(rank, in)`, B `(out, rank)` and their scaling.
 * @param rows The rows of every site that the weight has.
 * @returns Undefined where a column reaches into two sites or outside of all, or where all columns
 * are zero and cannot be shared out evenly.
 * @throws {ShapeError} Where A and B do not fit, or rows lie outside the weight or in two sites.
 */
export function splitBlocks(
  adapter: { readonly A: HostTensor; readonly B: HostTensor; readonly scaling: number },
  rows: readonly SiteRows[],
): BlockSite[] | undefined {
  const { A, B, scaling } = adapter;
  const [out, rank] = B.shape;
  checkSite({ A, B, scaling, rows: { start: 0, count: out } }, A.shape[1]);
  const found = columnOwners(B, rowOwners(rows, out));
  const owners = found && shareZeroColumns(found, rows.length);
  return owners && rows.flatMap((siteRows, site) => {
    const columns = Array.from({ length: rank }, (_, column) => column)
      .filter((column) => owners[column] === site);
    const [a, b] = [gather(A, columns, null), gather(B, rowIndices(siteRows), columns)];
    return columns.length ? [{ A: a, B: b, scaling, rows: siteRows }] : [];
  });
}

/** The rows of a site, one by one. */
function rowIndices(rows: SiteRows): number[] {
  return [rows].flat().flatMap(({ start, count }: RowRange) =>
    Array.from({ length: count }, (_, index) => start + index)
  );
}

/** Which site each row of the weight belongs to; -1 for none. */
function rowOwners(sites: readonly SiteRows[], out: number): Int32Array {
  const owners = new Int32Array(out).fill(-1);
  sites.forEach((rows, site) => {
    for (const row of rowIndices(rows)) {
      if (!(row >= 0 && row < out)) {
        throw new ShapeError(`rows of a site must be in [0, ${out}), found ${row}`);
      }
      if (owners[row] !== -1) throw new ShapeError(`sites must not share rows, found row ${row}`);
      owners[row] = site;
    }
  });
  return owners;
}

function checkSite({ A, B, rows }: BlockSite, inner: number): void {
  const count = rowIndices(rows).length;
  const fit = A.shape.length === 2 && B.shape.length === 2 && A.shape[1] === inner &&
    A.shape[0] === B.shape[1] && B.shape[0] === count;
  if (!fit) {
    const found = `${formatShape(A.shape)} and ${formatShape(B.shape)}`;
    throw new ShapeError(
      `A and B of a site of ${count} rows must be (rank, ${inner}) and (${count}, rank), found ${found}`,
    );
  }
}

function commonScaling(sites: readonly BlockSite[]): number {
  const scalings = sites.map(({ scaling }) => scaling);
  return scalings.reduce((best, next) => Math.abs(next) > Math.abs(best) ? next : best);
}

/** Copies a site's B into its rows, from column `first` on. */
function placeBlock(
  to: Float32Array,
  stride: number,
  first: number,
  { B, rows }: BlockSite,
  ratio: number,
): void {
  const rank = B.shape[1];
  rowIndices(rows).forEach((row, index) => {
    for (let column = 0; column < rank; column++) {
      to[row * stride + first + column] = B.data[index * rank + column] * ratio;
    }
  });
}

/** The site of each column of B, -1 for a column of zeros; undefined where there is no one site. */
function columnOwners({ shape: [out, rank], data }: HostTensor, rows: Int32Array) {
  const owners = new Array<number>(rank).fill(-1);
  for (let index = 0; index < out * rank; index++) {
    if (data[index] === 0) continue;
    const site = rows[Math.floor(index / rank)];
    const column = index % rank;
    if (site === -1 || (owners[column] !== -1 && owners[column] !== site)) return undefined;
    owners[column] = site;
  }
  return owners;
}

/** Gives columns of zeros to sites: evenly where that fits the others, else as their neighbours. */
function shareZeroColumns(owners: number[], sites: number): number[] | undefined {
  const used = new Set(owners.filter((site) => site !== -1));
  const order = used.size ? [...used] : Array.from({ length: sites }, (_, site) => site);
  const each = owners.length / order.length;
  const even = owners.map((_, column) => order[Math.floor(column / each)]);
  const fits = owners.every((site, column) => site === -1 || site === even[column]);
  if (Number.isInteger(each) && fits) return even;
  if (used.size === 0) return undefined;
  let last = order[0];
  return owners.map((site) => last = site === -1 ? last : site);
}

/** Some rows of a matrix, and of these some columns or (null) all. */
function gather(matrix: HostTensor, rows: number[], columns: number[] | null): HostTensor {
  const width = matrix.shape[1];
  const kept = columns ?? Array.from({ length: width }, (_, column) => column);
  const data = new Float32Array(rows.length * kept.length);
  const values: HostData = matrix.data;
  rows.forEach((row, y) =>
    kept.forEach((column, x) => data[y * kept.length + x] = values[row * width + column])
  );
  return { shape: [rows.length, kept.length], data };
}
