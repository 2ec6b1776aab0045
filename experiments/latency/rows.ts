/** Slow-downs, computed from the times, and their explanation. Pure functions of rows. @module */

import { mean } from "../../src/core/numbers.ts";
import type { TimeRatio } from "../frame/mod.ts";
import type { ComparedPass } from "./count.ts";
import type { Variant } from "./variants.ts";

/** One model in one cell. */
export interface LatencyRow extends Variant, ComparedPass, Partial<TimeRatio> {
  /** Shape and device. */
  readonly space: string;
  /** Sequences. */
  readonly batch: number;
  /** Tokens of each. */
  readonly length: number;
  /** Least time of a pass, milliseconds. */
  readonly minimum: number;
  /** Median time, milliseconds. */
  readonly median: number;
  /** Passes. */
  readonly rounds: number;
  /** Fixed cost of a launch on this device, microseconds. */
  readonly launchMicros: number;
}

type Rows = readonly LatencyRow[];

/** Ratio of a pass's time to the base's, and the part of it that is explained. */
export interface SlowDown {
  /** The pass. */
  readonly row: LatencyRow;
  /** Slow-down by the minimum, as a share of the base's. */
  readonly share: number;
  /** Slow-down by the median. */
  readonly medianShare: number;
  /** Extra launches times the fixed cost of one, as a share of the extra time. */
  readonly byLaunches: number;
  /** Extra operations at the base's own rate, as a share of the extra time. */
  readonly byFlops: number;
  /** Extra time of a pass of a single token, as a share of the pass's extra time. */
  readonly ofOneToken: number;
}

/** A pass of one token has next to nothing to compute: what it takes is fixed. It is no cell of the grid. */
export const oneToken = [1, 1] as const;

const isOneToken = ({ batch, length }: LatencyRow): boolean => batch * length === 1;

/** Every row of the grid beside the base of its cell. */
export function slowDowns(rows: Rows): SlowDown[] {
  return rows.filter((row) => !isOneToken(row)).map((row) => {
    const base = baseOf(rows, row), extra = row.minimum - base.minimum;
    const one = rows.find((other) => isOneToken(other) && isSameMethod(other, row))!;
    return {
      row,
      share: extra / base.minimum,
      medianShare: row.median / base.median - 1,
      byLaunches: (row.launches - base.launches) * row.launchMicros / 1000 / extra,
      byFlops: (row.flops - base.flops) / base.flops * base.minimum / extra,
      ofOneToken: (one.minimum - baseOf(rows, one).minimum) / extra,
    };
  });
}

/** The base in the cell of a row. */
export const baseOf = (rows: Rows, row: LatencyRow): LatencyRow =>
  rows.find((one) => one.model === "base" && isSameCell(one, row))!;

const isSameMethod = (a: LatencyRow, b: LatencyRow): boolean =>
  a.space === b.space && a.model === b.model && a.bottleneck === b.bottleneck;

const isSameCell = (a: LatencyRow, b: LatencyRow): boolean =>
  a.space === b.space && a.batch === b.batch && a.length === b.length;

/** The spaces, in their order. */
export const spacesOf = (rows: Rows): string[] => [...new Set(rows.map(({ space }) => space))];

/** A method in a space with all its cells. */
export interface MethodCells {
  /** Shape and device. */
  readonly space: string;
  /** `H, r = 10`. */
  readonly method: string;
  /** Its cells. */
  readonly cells: readonly SlowDown[];
}

/** `H, r = 10`; the model's name where it has no bottlenecks. */
export const methodName = ({ model, bottleneck }: Variant): string =>
  bottleneck > 0 ? `${model}, r = ${bottleneck}` : model;

/** The cells of each method in each space. */
export function methodsIn(rows: Rows): MethodCells[] {
  const groups = Map.groupBy(slowDowns(rows), ({ row }) => `${row.space}\n${methodName(row)}`);
  return [...groups.values()].map((cells) => {
    return { space: cells[0].row.space, method: methodName(cells[0].row), cells };
  });
}

/** The methods that are adapter layers. */
export const adaptersIn = (rows: Rows): MethodCells[] =>
  methodsIn(rows).filter(({ cells: [{ row }] }) => row.bottleneck > 0);

/** The cells of a model in a space. */
export const cellsOf = (rows: Rows, space: string, model: Variant["model"]): LatencyRow[] =>
  rows.filter((row) => row.space === space && row.model === model && !isOneToken(row));

/** The time of a cell by the base's: of its rounds, or, in rows from before these were kept, of the least times. */
export const timeRatio = (rows: Rows, row: LatencyRow): TimeRatio =>
  row.ratio === undefined
    ? { ratio: row.minimum / baseOf(rows, row).minimum }
    : { ratio: row.ratio, low: row.low, high: row.high };

/** A method at one batch. */
export interface BatchCells {
  /** Sequences. */
  readonly batch: number;
  /** Its cells at the lengths that every batch has. */
  readonly own: readonly SlowDown[];
  /** Their mean slow-down. */
  readonly share: number;
}

/** The slow-down at each batch, averaged over the lengths that every batch has. */
export function byBatch({ cells }: MethodCells): BatchCells[] {
  const batches = Map.groupBy(cells, ({ row }) => row.batch);
  const isShared = ({ row: { length } }: SlowDown) =>
    [...batches.values()].every((cells) => cells.some(({ row }) => row.length === length));
  return [...batches].toSorted(([a], [b]) => a - b).map(([batch, cells]) => {
    const own = cells.filter(isShared);
    return { batch, own, share: mean(own.map(({ share }) => share)) };
  });
}

/** The cell of batch 1 and the shortest length. */
export const smallestCell = ({ cells }: MethodCells): SlowDown =>
  cells.toSorted((a, b) => a.row.batch - b.row.batch || a.row.length - b.row.length)[0];
