/** The pairs of adapters that are compared: the same start of A or another, with the same data or other (decision 0056). @module */

import { crossedStarts, keptSteps, longKept, longRuns, longSteps, methodOf } from "./plan.ts";
import { type RealRun, realSteps } from "./runs.ts";

/** An adapter of the study, after some of its steps. */
export type Place = Pick<RealRun, "key" | "start" | "data"> & {
  /** Steps of its run. */
  readonly steps: number;
  /** Steps after which it is read. */
  readonly at: number;
};

/** `qv-8-start801-data1`, with ` at 150` where that is not the end. */
export const nameOf = ({ key, start, data, steps, at }: Place): string =>
  `${key}-start${start}-data${data}${at === steps ? "" : `-at${at}`}`;

/** Two adapters. */
export type Pair = readonly [Place, Place];

/** Pairs of adapters that have their start, their data, both or neither in common. */
export interface Cell {
  /** `same start, other data`. */
  readonly name: string;
  /** Steps after which they are compared. */
  readonly at: number;
  /** Steps of their runs. */
  readonly steps: number;
  /** Pairs of r = 8 and r = 64. */
  readonly ranks: readonly Pair[];
  /** Pairs of two seeds at r = 64. */
  readonly seeds: readonly Pair[];
}

/** Names of the four, the two on the diagonal first and last. */
export const cellNames = [
  "same start, same data",
  "same start, other data",
  "other start, same data",
  "other start, other data",
] as const;

/** The cell by which the paper's claims are judged: what is shared there is the task's. */
export const [, , , judgedCell] = cellNames;

const cellOf = ([one, other]: Pair): string =>
  `${one.start === other.start ? "same" : "other"} start, ${
    one.data === other.data ? "same" : "other"
  } data`;

/** A method's adapters from starts of their own, after some steps of so many. */
export function ownPlaces(key: string, at: number, steps: number): Place[] {
  const { starts, seeds } = methodOf(key);
  return seeds.map((data) => ({ key, start: starts + data, data, at, steps }));
}

/** All adapters at a rank that are compared after some steps of so many. */
function placesOf(key: string, at: number, steps: number): Place[] {
  const own = { key, at, steps };
  if (steps === longSteps) {
    return longRuns.filter((run) => run.key === key)
      .map(({ start, data }) => ({ ...own, start, data }));
  }
  const reported = ownPlaces(key, at, steps);
  return key === "qv-64"
    ? [...reported, ...crossedStarts.map((run) => ({ ...own, ...run }))]
    : reported;
}

/** True of a place at r = 64 that has the start of r = 8 on purpose. */
const isCrossed = ({ start }: Place) => start < methodOf("qv-64").starts;

/** The cells of runs of some steps, with the pairs that are there. */
export function cellsAt(at: number, steps: number, has: (place: Place) => boolean): Cell[] {
  const small = placesOf("qv-8", at, steps).filter(has);
  const large = placesOf("qv-64", at, steps).filter(has);
  const ranks = small.flatMap((one) => large.map((other): Pair => [one, other]));
  const seeds = large.flatMap((one, i) => large.slice(i + 1).map((other): Pair => [one, other]));
  return cellNames.map((name): Cell => {
    const inCell = (pair: Pair) => cellOf(pair) === name;
    return {
      ...{ name, at, steps },
      ranks: ranks.filter((pair) => inCell(pair) && isPlanned(pair, name)),
      seeds: seeds.filter((pair) => inCell(pair) && isPlanned(pair, name)),
    };
  }).filter(({ ranks }) => ranks.length > 0);
}

/** True of a pair that counts: where starts differ, r = 64 has one of its own, and not one of r = 8. */
function isPlanned([one, other]: Pair, name: string): boolean {
  if (name.startsWith("same start")) return true;
  return !isCrossed(other) && (one.key === "qv-8" || !isCrossed(one));
}

/** The cells before the first step, of adapters that were there after the last. */
export const cellsAtStart = (has: (place: Place) => boolean): Cell[] =>
  cellsAt(0, realSteps, (place) => has({ ...place, at: realSteps }));

/** The places of some cells, each once. */
export const placesOfCells = (cells: readonly Cell[]): Place[] => {
  const places = cells.flatMap(({ ranks, seeds }) => [...ranks, ...seeds].flat());
  return [...new Map(places.map((place) => [nameOf(place), place])).values()];
};

/** Steps after which adapters of 500 and of 3,000 steps are read. */
export const readAt: readonly (readonly [at: number, steps: number])[] = [
  ...[realSteps, ...keptSteps].map((at) => [at, realSteps] as const),
  ...[...longKept, longSteps].map((at) => [at, longSteps] as const),
];
