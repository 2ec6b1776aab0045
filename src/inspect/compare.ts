/**
 * Compares adapters update by update: the similarities of two, read pair by pair and beside chance,
 * and the directions that several have in common, with figures.
 *
 * @module
 */

import { factorsInPlace } from "../analysis/input.ts";
import {
  blockSimilarity,
  principalAngles,
  randomSimilarity,
  rightDirections,
  type SharedBasis,
  sharedBasis,
  type SharedBasisOptions,
  similarityGrid,
  updateDirections,
} from "../analysis/mod.ts";
import { phi } from "../analysis/subspaces.ts";
import { mean } from "../core/numbers.ts";
import { Random } from "../core/random.ts";
import { sameShape } from "../core/tensor.ts";
import { type LowRankUpdate, siteName } from "../core/update.ts";
import { axis, baseLayout, type Figure, palette } from "../figures/figure.ts";
import { heatmaps } from "../figures/heatmaps.ts";
import { bars, dots } from "../figures/marks.ts";
import type { TrainedUpdate } from "../formats/mod.ts";
import { ComparisonPlan } from "../formats/peft/comparable.ts";
import type { AdapterReader } from "../formats/peft/folder.ts";
import { gaussian } from "../linalg/mod.ts";
import { byKind, shortNames } from "./describe.ts";

// Two adapters.

/**
 * Directions to compare: those of A as in the paper, or the output or input directions of the whole
 * update.
 */
export const directionSpaces = ["A", "delta-left", "delta-right"] as const;

/** One of {@link directionSpaces}. */
export type DirectionSpace = typeof directionSpaces[number];

/** Two updates of the same name. */
export interface ComparedUpdate {
  /** Their name. */
  readonly name: string;
  /** φ(i, j) at [i − 1][j − 1], with i directions of the first adapter and j of the second. */
  readonly phi: readonly (readonly number[])[];
  /** Radians, smallest first. */
  readonly principalAngles: readonly number[];
  /** Dimensions d of the space; φ(i, j) is max(i, j) / d by chance. */
  readonly dimensions: number;
  /** The value by chance of the last φ, which has all directions. */
  readonly randomBaseline: number;
}

/**
 * Compares the updates that two adapters share by name, in the order of the first.
 *
 * @throws {RangeError} when they share none, or an update has different sizes in the two adapters.
 */
export function compareUpdates(
  one: readonly LowRankUpdate[],
  other: readonly LowRankUpdate[],
  space: DirectionSpace,
): ComparedUpdate[] {
  return sharedPairs(one, other).map(([first, second]) => comparePair(first, second, space));
}

/**
 * The updates that two adapters share by name, in the order of the first.
 *
 * @throws {RangeError} when they share none.
 */
function sharedPairs<Update extends LowRankUpdate>(
  one: readonly Update[],
  other: readonly Update[],
): [Update, Update][] {
  const others = new Map(other.map((update) => [siteName(update), update]));
  const pairs = one.filter((update) => others.has(siteName(update)));
  if (pairs.length === 0) refuseNoneShared([one, other].map(([update]) => siteName(update)));
  return pairs.map((update) => [update, others.get(siteName(update))!]);
}

/** Refuses adapters without a common module, by the name of an update of each. */
export function refuseNoneShared([first, second]: readonly string[]): never {
  throw new RangeError(
    `adapters to compare must share a module, found ${first} in one and ${second} in the other`,
  );
}

/**
 * Compares two updates of a module.
 *
 * @throws {RangeError} when they have different sizes.
 */
export function comparePair(
  one: LowRankUpdate,
  other: LowRankUpdate,
  space: DirectionSpace,
): ComparedUpdate {
  const [u, v] = [one, other].map((update) => directionsOf(update, space));
  if (u.columns !== v.columns) {
    throw new RangeError(
      `${siteName(one)} must be of one size in both adapters, found ${u.columns} and ${v.columns}`,
    );
  }
  return {
    name: siteName(one),
    phi: similarityGrid(u, v),
    principalAngles: principalAngles(u, v),
    dimensions: u.columns,
    randomBaseline: randomSimilarity(u.rows, v.rows, u.columns).mean,
  };
}

function directionsOf(update: LowRankUpdate, space: DirectionSpace) {
  // The whole update is checked, even if only A is used.
  if (space === "A") return rightDirections(factorsInPlace(update).A, siteName(update));
  const { left, right } = updateDirections(update);
  return space === "delta-left" ? left : right;
}

/** φ by chance at every position of a comparison's grid: max(i, j) / d. */
export function chanceOf({ phi, dimensions }: ComparedUpdate): number[][] {
  return phi.map((row, i) => row.map((_, j) => randomSimilarity(i + 1, j + 1, dimensions).mean));
}

/** Number of pairs of random subspaces that {@link chanceAngles} averages. */
export const chancePairs = 20;

/** Principal angles between independent random subspaces of the same sizes, in radians. */
export function chanceAngles({ phi, dimensions }: ComparedUpdate, seed: number): number[] {
  const random = new Random(seed), sizes = [phi.length, phi[0].length];
  const pairs = Array.from({ length: chancePairs }, () => {
    const [u, v] = sizes.map((size) => rightDirections(gaussian(size, dimensions, random)));
    return principalAngles(u, v);
  });
  return pairs[0].map((_, k) => pairs.reduce((sum, angles) => sum + angles[k], 0) / chancePairs);
}

// Their similarities.

/** A φ, and what it is of random directions. */
export interface Similarity {
  /** φ. */
  readonly value: number;
  /** The number of directions of the larger set over the dimensions. */
  readonly byChance: number;
}

/** Directions of both updates, as many as Figure 3 of the paper has of its adapter of rank 8. */
const leadingCount = 8;

/** φ of parts of two updates' directions. */
export interface Similarities {
  /** φ(1, 1), of the first direction of each. */
  readonly first: Similarity;
  /** φ(2..8), of the second to the eighth alone: whether more than the first is shared. None of fewer than 8. */
  readonly following?: Similarity;
  /** φ(8, 8). None of fewer than 8. */
  readonly leading?: Similarity;
  /** φ of all. */
  readonly all: Similarity;
}

/** Headings, in the order of a table. */
export const similarityTitles: Readonly<Record<keyof Similarities, string>> = {
  first: "φ(1, 1)",
  following: `φ(2..${leadingCount})`,
  leading: `φ(${leadingCount}, ${leadingCount})`,
  all: "φ of all",
};

/** Their names, in that order. */
export const similarityNames = Object.keys(similarityTitles) as readonly (keyof Similarities)[];

/** The φ of a comparison that a table shows. */
export function similaritiesOf({ phi: grid, dimensions }: ComparedUpdate): Similarities {
  const [rows, columns] = [grid.length, grid[0].length];
  const between = (i: number, j: number): Similarity => ({
    value: phi(grid, i, j),
    byChance: randomSimilarity(i, j, dimensions).mean,
  });
  const ends = { first: between(1, 1), all: between(rows, columns) };
  if (Math.min(rows, columns) < leadingCount) return ends;
  const following = {
    value: blockSimilarity(grid, 2, leadingCount),
    byChance: randomSimilarity(leadingCount - 1, leadingCount - 1, dimensions).mean,
  };
  return { ...ends, following, leading: between(leadingCount, leadingCount) };
}

/** Means over the compared updates of one kind of layer. */
export interface SimilarityOfKind extends Similarities {
  /** The end of their names after the last number: `self_attn.q_proj`. */
  readonly kind: string;
  /** Number of modules. */
  readonly sites: number;
}

/**
 * Means by kind of layer, in the order in which kinds first occur: φ is at most 1, so that no layer outweighs the
 * others, and the mean of chance is the chance of the mean. A φ that not all of a kind have is left out.
 */
export function similaritiesByKind(compared: readonly ComparedUpdate[]): SimilarityOfKind[] {
  return Array.from(byKind(compared), ([kind, own]) => {
    const rows = own.map(similaritiesOf);
    const [first, following, leading, all] = similarityNames.map((name) =>
      meanOf(rows.map((row) => row[name]))
    );
    return {
      ...{ kind, sites: own.length, first: first!, all: all! },
      ...following && { following },
      ...leading && { leading },
    };
  });
}

function meanOf(found: readonly (Similarity | undefined)[]): Similarity | undefined {
  const all = found.filter((one) => one !== undefined);
  if (all.length < found.length) return undefined;
  const of = (key: keyof Similarity) => mean(all.map((one) => one[key]));
  return { value: of("value"), byChance: of("byChance") };
}

// Shared updates.

/**
 * Gives each pair of updates that two adapters share by name to `take`, in the order of the first, with one module of
 * each in memory. Updates that only one has are read as well, so that they are checked. Returns the names of the
 * updates of each.
 *
 * @throws {AdapterFileError} when an adapter cannot be read.
 */
export async function eachShared(
  [one, other]: readonly [AdapterReader, AdapterReader],
  take: (pair: readonly [TrainedUpdate, TrainedUpdate]) => Promise<void>,
): Promise<string[][]> {
  const shapes = [one, other].map((reader) => reader.modules.map((name) => reader.shapesOf(name)));
  const plan = new ComparisonPlan(shapes.map((modules) => modules.flat()));
  const names = shapes.map((modules, i) => modules.map((updates) => plan.namesOf(i, updates)));
  const moduleOf = new Map(
    names[1].flatMap((own, i) => own.map((name) => [name, other.modules[i]] as const)),
  );
  const unread = new Set(other.modules);
  for (const [i, module] of one.modules.entries()) {
    const updates = plan.prepare(0, await one.read(module));
    const partner = names[0][i].map((name) => moduleOf.get(name)).find((found) => found);
    if (partner === undefined) continue;
    unread.delete(partner);
    const others = plan.prepare(1, await other.read(partner));
    const named = new Map(others.map((update) => [siteName(update), update]));
    for (const update of updates) {
      const found = named.get(siteName(update));
      if (found) await take([update, found]);
    }
  }
  for (const module of unread) await other.read(module);
  return names.map((modules) => modules.flat());
}

/** True if two updates have one name, one scaling and the same values in A and B. */
export function isSameUpdate(one: LowRankUpdate, other: LowRankUpdate): boolean {
  return siteName(one) === siteName(other) && one.scaling === other.scaling &&
    (["A", "B"] as const).every((name) => {
      const { shape, data } = one[name], partner = other[name];
      return sameShape(shape, partner.shape) && data.every((value, i) => value === partner.data[i]);
    });
}

/** True if each update of one adapter is in the other, and no more, in any order. */
export function isSameAdapter(
  one: readonly LowRankUpdate[],
  other: readonly LowRankUpdate[],
): boolean {
  const others = new Map(other.map((update) => [siteName(update), update]));
  return one.length === other.length && one.every((update) => {
    const partner = others.get(siteName(update));
    return partner !== undefined && isSameUpdate(update, partner);
  });
}

// Shared directions of several adapters.

/** The directions that the adapters which change a module need together. */
export interface SharedModule extends SharedBasis {
  /** Its name. */
  readonly name: string;
  /** Indices of the adapters that change it, from 0. */
  readonly adapters: readonly number[];
}

/** Means over modules for every pair of adapters, as a table from the adapter of a row to that of a column. */
export interface HeldShares {
  /** The share of the row's energy that the column's leading directions hold; NaN if they have no module in common. */
  readonly inputs: readonly (readonly number[])[];
  /** The same share for outputs. */
  readonly outputs: readonly (readonly number[])[];
  /** The expected share of inputs for random directions. */
  readonly inputsByChance: readonly (readonly number[])[];
  /** The expected share of outputs for random directions. */
  readonly outputsByChance: readonly (readonly number[])[];
}

/** A set of adapters. */
export interface SharedDirections {
  /** Every module that at least two adapters change, in the order of the first ones. */
  readonly modules: readonly SharedModule[];
  /** Share of each adapter in the directions of each other one. */
  readonly held: HeldShares;
}

/**
 * Compares the updates of a set of adapters, each as `comparableUpdates` prepares it.
 *
 * @throws {RangeError} when no module is in two of them, or an update is zero.
 */
export function sharedDirections(
  adapters: readonly (readonly LowRankUpdate[])[],
  options: SharedBasisOptions,
): SharedDirections {
  const all = adapters.flatMap((updates, adapter) =>
    updates.map((update) => ({ adapter, update }))
  );
  const groups = [...Map.groupBy(all, ({ update }) => siteName(update))]
    .filter(([, own]) => own.length > 1);
  if (groups.length === 0) {
    throw new RangeError(
      "adapters to compare must share a module, found none that two of them have",
    );
  }
  const modules = groups.map(([name, own]): SharedModule => ({
    ...{ name, adapters: own.map(({ adapter }) => adapter) },
    ...sharedBasis(own.map(({ update }) => update), options),
  }));
  return { modules, held: heldShares(modules, adapters.length) };
}

function heldShares(modules: readonly SharedModule[], count: number): HeldShares {
  const table = (pick: (module: SharedModule, i: number, j: number) => number) =>
    Array.from(
      { length: count },
      (_, row) =>
        Array.from({ length: count }, (_, column) =>
          mean(modules.flatMap((module) => {
            const [i, j] = [row, column].map((adapter) => module.adapters.indexOf(adapter));
            return i < 0 || j < 0 ? [] : [pick(module, i, j)];
          }))),
    );
  return {
    inputs: table(({ inputs }, i, j) => inputs.held[i][j]),
    outputs: table(({ outputs }, i, j) => outputs.held[i][j]),
    inputsByChance: table(({ inputs }, _, j) => inputs.heldByChance[j]),
    outputsByChance: table(({ outputs }, _, j) => outputs.heldByChance[j]),
  };
}

// Figures.

/** A bar for each module: the directions that all adapters need together, of one side of ΔW. */
export function sharedBasisFigure(
  modules: readonly SharedModule[],
  side: "inputs" | "outputs",
): Figure {
  const names = shortNames(modules.map(({ name }) => name));
  const nameOf = (_: SharedModule, i: number) => names[i];
  const mark = { size: 16, symbol: "line-ew-open", line: { width: 3 } };
  return {
    id: `shared-${side}`,
    title: `Directions of ${side} that the adapters need together`,
    caption:
      "Bars: how many directions hold the share of the energy of all updates, each of norm 1. " +
      "A bar well below the mark of random directions means that the adapters could share a basis there.",
    data: [
      bars(modules, nameOf, (module) => module[side].together, { color: palette.lora[0] }, {
        ...{ name: "together", width: 0.5 },
      }),
      // Longer and below, so that the mark of random directions is seen where both have one height.
      dots(modules, nameOf, ({ alone }) => alone, { ...mark, size: 28, color: palette.lora[2] }, {
        name: "if none is shared",
      }),
      dots(modules, nameOf, (module) => module[side].byChance, { ...mark, color: palette.base }, {
        name: "of random directions",
      }),
    ],
    layout: baseLayout(axis("", { tickangle: -40 }), axis("directions", { rangemode: "tozero" }), {
      showlegend: true,
    }),
  };
}

/** Shows the share of each adapter in the leading directions of each other one, on both sides. */
export function heldFigure({ inputs, outputs }: HeldShares, names: readonly string[]): Figure {
  return {
    id: "held",
    title: "What one adapter's directions hold of another",
    caption: `Mean over modules of the share of the row's energy. Adapters: ${
      names.map((name, i) => `${i + 1} ${name}`).join(", ")
    }.`,
    ...heatmaps({
      columns: ["inputs", "outputs"],
      rows: [{ label: "of adapter", panels: [inputs, outputs] }],
      xTitle: "in the directions of adapter",
      panelHeight: 260,
    }),
  };
}
