/** Preparing the updates of adapters that are put side by side. @module */

import { ShapeError } from "../../core/errors.ts";
import { NameEndings } from "../../core/module_names.ts";
import { type HostTensor, sameShape } from "../../core/tensor.ts";
import {
  assertUpdate,
  indicesOf,
  type LowRankUpdate,
  type SiteAddress,
  siteName,
  type SiteRows,
  type UpdateShape,
} from "../../core/update.ts";
import type { TrainedUpdate } from "./record.ts";

/**
 * Joins the updates of one layer's sites into one update of all its rows with the same ΔW, as PEFT
 * stores a module: A `(Σ rank, in)` stacks the sites' A, and B `(out, Σ rank)` has each site's B in the
 * site's rows and columns and zeros elsewhere.
 *
 * The scaling is that of the sites. Where their scalings differ, it is the one of the largest
 * magnitude, and every other site's B is multiplied by the ratio to it (rounded to F32, exact for
 * powers of two).
 *
 * @throws {ShapeError} when shapes do not fit, rows are outside the weight or in two sites, the
 * weight's number of outputs is unknown, or there is no update.
 *
 * @example
 * ```ts
 * import { joinUpdates } from "@lowrank/core/formats";
 *
 * const A = { shape: [1, 2], data: Float32Array.of(1, 2) };
 * const B = { shape: [1, 1], data: Float32Array.of(3) };
 * const site = { module: "h.0.attn.c_attn", outputs: 3, A, B, scaling: 2 };
 * const query = { ...site, rows: { start: 0, count: 1 } };
 * const value = { ...site, rows: { start: 2, count: 1 } };
 * console.log(joinUpdates([query, value]).B.data); // [3, 0, 0, 0, 0, 3]
 * ```
 */
export function joinUpdates(updates: readonly LowRankUpdate[]): LowRankUpdate {
  if (updates.length === 0) throw new ShapeError("joining needs at least one update, found none");
  const [{ module, A: { shape: [, inner] } }] = updates, out = outputsOf(updates[0]);
  updates.forEach((update) => assertUpdate(update, [out, inner]));
  rowOwners(updates, out);
  if (updates.length === 1 && updates[0].B.shape[0] === out) {
    const { isEmbedding, A, B, scaling } = updates[0];
    return { module, ...isEmbedding && { isEmbedding }, A, B, scaling };
  }
  const scaling = commonScaling(updates);
  const rank = updates.reduce((sum, { A }) => sum + A.shape[0], 0);
  const B = new Float32Array(out * rank);
  let first = 0;
  for (const update of updates) {
    placeBlock(B, rank, first, update, scaling === 0 ? 1 : update.scaling / scaling);
    first += update.A.shape[0];
  }
  const A = stackRows(updates.map(({ A }) => A));
  return { module, A, B: { shape: [out, rank], data: B }, scaling };
}

/**
 * {@link joinUpdates} with what else was trained of them. A vector of all rows is that of one update: PEFT has none
 * for some of a module's rows.
 *
 * @throws {ShapeError} when it does not have all rows, or as there.
 */
export function joinTrained(updates: readonly TrainedUpdate[]): TrainedUpdate {
  const { magnitude, bias } = updates[0], joined = joinUpdates(updates);
  for (const update of updates) {
    for (const vector of [update.magnitude, update.bias]) {
      if (!vector || sameShape(vector.shape, [joined.B.shape[0]])) continue;
      throw new ShapeError(`a magnitude or bias must have all rows, found ${siteName(update)}`);
    }
  }
  return { ...joined, ...magnitude && { magnitude }, ...bias && { bias } };
}

/**
 * Splits an update of a whole weight into those of its sites; the inverse of {@link joinUpdates}.
 *
 * A column of B belongs to the site whose rows hold all its nonzero values. Columns of zeros are
 * assigned so that the sites' ranks are equal if possible, otherwise to the site of the previous
 * column. Sites without a column are left out.
 *
 * @param sites Every site that the weight has.
 * @returns Undefined if a column reaches into two sites or outside all sites, or if all columns are
 * zero and cannot be divided evenly.
 * @throws {ShapeError} when A and B do not fit, or rows are outside the weight or in two sites.
 */
export function splitUpdate(
  update: LowRankUpdate,
  sites: readonly SiteAddress[],
): LowRankUpdate[] | undefined {
  assertUpdate(update);
  const { A, B, scaling } = update, [out, rank] = B.shape;
  const found = columnOwners(B, rowOwners(sites, out));
  const owners = found && shareZeroColumns(found, sites.length);
  return owners && sites.flatMap((site, i) => {
    const columns = indicesOf({ start: 0, count: rank }).filter((column) => owners[column] === i);
    const [a, b] = [gather(A, columns), gather(B, site.rows && indicesOf(site.rows), columns)];
    return columns.length > 0 ? [{ ...site, A: a, B: b, scaling }] : [];
  });
}

/** A submatrix of the given rows and columns; all of them by default. */
export function gather(
  { shape: [height, width], data }: HostTensor,
  rows: readonly number[] = indicesOf({ start: 0, count: height }),
  columns: readonly number[] = indicesOf({ start: 0, count: width }),
): HostTensor {
  const values = new Float32Array(rows.length * columns.length);
  rows.forEach((row, y) =>
    columns.forEach((column, x) => values[y * columns.length + x] = data[row * width + column])
  );
  return { shape: [rows.length, columns.length], data: values };
}

/** Matrices of one width, one below the other. */
export function stackRows(matrices: readonly HostTensor[]): HostTensor {
  const [{ shape: [, width] }] = matrices;
  const rows = matrices.reduce((sum, { shape }) => sum + shape[0], 0);
  const data = new Float32Array(rows * width);
  let at = 0;
  for (const matrix of matrices) {
    data.set(matrix.data, at);
    at += matrix.data.length;
  }
  return { shape: [rows, width], data };
}

function outputsOf(update: LowRankUpdate): number {
  const out = update.outputs ?? (update.rows ? undefined : update.B.shape[0]);
  if (out !== undefined) return out;
  throw new ShapeError(
    `an update of some rows needs its weight's number of outputs, found none for ${
      siteName(update)
    }`,
  );
}

/** Index of the site that each row of the weight belongs to; -1 for none. */
function rowOwners(sites: readonly SiteAddress[], out: number): Int32Array {
  const owners = new Int32Array(out).fill(-1), all: SiteRows = { start: 0, count: out };
  sites.forEach(({ rows = all }, site) => {
    for (const row of indicesOf(rows)) {
      if (!(row >= 0 && row < out)) {
        throw new ShapeError(`rows of a site must be in [0, ${out}), found ${row}`);
      }
      if (owners[row] !== -1) throw new ShapeError(`sites must not share rows, found row ${row}`);
      owners[row] = site;
    }
  });
  return owners;
}

function commonScaling(updates: readonly LowRankUpdate[]): number {
  const scalings = updates.map(({ scaling }) => scaling);
  return scalings.reduce((most, next) => Math.abs(next) > Math.abs(most) ? next : most);
}

/** Writes a site's B into its rows and columns. */
function placeBlock(
  to: Float32Array,
  stride: number,
  first: number,
  { B, rows }: LowRankUpdate,
  ratio: number,
): void {
  const [count, rank] = B.shape;
  indicesOf(rows ?? { start: 0, count }).forEach((target, row) => {
    for (let column = 0; column < rank; column++) {
      to[target * stride + first + column] = B.data[row * rank + column] * ratio;
    }
  });
}

/** The site of each column of B, -1 for a column of zeros; undefined if a column has no single site. */
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

/**
 * Assigns columns of zeros to sites: evenly if that fits the other columns, otherwise like the previous
 * column.
 */
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

/**
 * Prepares the updates of adapters for comparison: sites of a module stay separate, as the spectrum of
 * a mixture would be that of neither, unless another adapter has an update of the whole module, or a
 * site of other rows that they share in part; then they are joined. Modules that differ by a longer prefix alone, as `h.0.attn.c_attn` and
 * `transformer.h.0.attn.c_attn` do, are the same one and get the first adapter's name for it.
 *
 * @throws {ShapeError} when the sites of one adapter do not fit the whole module of another.
 *
 * @example
 * ```ts
 * import { comparableUpdates } from "@lowrank/core/inspect";
 *
 * const tensor = (...shape: number[]) => ({ shape, data: new Float32Array(4).fill(1) });
 * const whole = { module: "c_attn", A: tensor(1, 4), B: tensor(4, 1), scaling: 1 };
 * const rows = { start: 0, count: 2 }, B = { shape: [2, 1], data: Float32Array.of(1, 2) };
 * const [[joined]] = comparableUpdates([[{ ...whole, rows, outputs: 4, B }], [whole]]);
 * console.log(joined.B.data); // [1, 2, 0, 0]
 * ```
 */
export function comparableUpdates(
  adapters: readonly (readonly TrainedUpdate[])[],
): TrainedUpdate[][] {
  const plan = new ComparisonPlan(adapters);
  return adapters.map((updates, adapter) => plan.prepare(adapter, updates));
}

/** Names and groups by which {@link comparableUpdates} joins updates, from their shapes alone. */
export class ComparisonPlan {
  readonly #names: readonly ReadonlyMap<string, string>[];
  readonly #whole: ReadonlySet<string>;

  /** Takes the shapes of all updates of all adapters. */
  constructor(adapters: readonly (readonly UpdateShape[])[]) {
    const [first = []] = adapters;
    this.#names = adapters.map((updates, at) => at === 0 ? new Map() : namedAs(first, updates));
    const named = adapters.flatMap((updates, at) => this.#named(at, updates));
    const modules = Map.groupBy(named, ({ module }) => module);
    this.#whole = new Set([...modules.keys()].filter((name) => isJoined(modules.get(name)!)));
  }

  /**
   * Prepares updates of one adapter, among them all of each of their modules.
   *
   * @throws {ShapeError} as {@link comparableUpdates}.
   */
  prepare(adapter: number, updates: readonly TrainedUpdate[]): TrainedUpdate[] {
    return this.#arranged(adapter, updates, joinTrained);
  }

  /** The names that {@link ComparisonPlan.prepare} gives to updates of these shapes. */
  namesOf(adapter: number, updates: readonly UpdateShape[]): string[] {
    return this.#arranged(adapter, updates, ([{ module, A, B }]) => ({ module, A, B })).map(
      siteName,
    );
  }

  #arranged<Update extends UpdateShape>(
    adapter: number,
    updates: readonly Update[],
    join: (own: readonly Update[]) => Update,
  ): Update[] {
    const modules = Map.groupBy(this.#named(adapter, updates), ({ module }) => module);
    return [...modules].flatMap(([module, own]) => this.#whole.has(module) ? [join(own)] : own);
  }

  #named<Update extends UpdateShape>(adapter: number, updates: readonly Update[]): Update[] {
    const names = this.#names[adapter];
    return updates.map((update) => {
      const module = names.get(update.module);
      return module === undefined ? update : { ...update, module };
    });
  }
}

/** The names that another adapter has for the modules of updates, where there is just one and it differs. */
function namedAs(
  first: readonly UpdateShape[],
  updates: readonly UpdateShape[],
): Map<string, string> {
  const [names, own] = [first, updates]
    .map((some) => new NameEndings(some.map(({ module }) => module)));
  const found = new Map<string, string>();
  for (const { module } of updates) {
    const [name, ...more] = names.find(module);
    const isOnly = name !== undefined && more.length === 0 && own.find(name).length === 1;
    if (isOnly && name !== module) found.set(module, name);
  }
  return found;
}

/**
 * True if updates of a module are compared as a whole: one is of all rows, or different sites share
 * rows.
 */
function isJoined(updates: readonly UpdateShape[]): boolean {
  const sites = new Map(updates.map((update) => [siteName(update), update]));
  if (sites.has(updates[0].module)) return true;
  const rows = [...sites.values()].flatMap(({ rows, B }) =>
    indicesOf(rows ?? { start: 0, count: B.shape[0] })
  );
  return new Set(rows).size < rows.length;
}
