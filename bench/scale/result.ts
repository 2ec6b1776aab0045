/** Measurements of a run, beside the theory. @module */

import type { Count, StepBytes } from "./count.ts";
import type { Variant, Work } from "./sweeps.ts";

/** Measurements of a process at a value. */
export interface FoundPoint {
  /** Value of the growing quantity. */
  readonly value: number;
  /** The least time. */
  readonly ms: number;
  /** Bytes of a step, by the device's ledger. */
  readonly bytes?: StepBytes;
}

/** The line that a process prints. */
export interface Found {
  /** The device that computed. */
  readonly device: string;
  /** Points, values rising. */
  readonly points: readonly FoundPoint[];
  /** Most bytes that were resident until the largest step had ended, the program's own included. */
  readonly resident?: number;
}

/** A measured value with what theory says of it. */
export interface Point extends FoundPoint {
  /** Cost by theory. */
  readonly count: Count;
}

/** A sweep on a device. */
export interface Series {
  /** The name of the sweep. */
  readonly sweep: string;
  /** The timed work. */
  readonly work: Work;
  /** The kernels that computed it. */
  readonly variant: Variant;
  /** Points, values rising. */
  readonly points: readonly Point[];
  /** Resident bytes of one process, as {@link Found.resident}. */
  readonly resident?: number;
}

/** All that was found. */
export interface ScaleResult {
  readonly date: string;
  readonly deno: string;
  /** Processors as the system names them. */
  readonly machine: string;
  readonly note: string;
  /** Processes of each series, of which the least times count. */
  readonly rounds: number;
  /** Devices that computed, by variant and kind of work. */
  readonly devices: Readonly<Record<string, string>>;
  readonly series: readonly Series[];
}

/** A place on a curve. */
export type Place = readonly [x: number, y: number];

/** The values at and above the geometric mean of the first and the last. */
export function upperHalf(places: readonly Place[]): Place[] {
  const middle = Math.sqrt(places[0][0] * places.at(-1)![0]);
  return places.filter(([x]) => x >= middle * (1 - 1e-9));
}

/**
 * e of y = c nᵉ: the slope of the straight line through the logarithms of the upper half, by least squares.
 */
export function exponentOf(places: readonly Place[]): number {
  const logs = upperHalf(places).map(([x, y]) => [Math.log(x), Math.log(y)]);
  const [meanX, meanY] = [0, 1].map((i) =>
    logs.reduce((sum, log) => sum + log[i], 0) / logs.length
  );
  const slope = logs.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  return slope / logs.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
}

/** Factor from theory's counts to times: the geometric mean over the upper half. */
export function scaleOf(measured: readonly Place[], counted: readonly Place[]): number {
  const [times, counts] = [measured, counted].map(upperHalf);
  const logs = times.map(([, ms], i) => Math.log(ms / counts[i][1]));
  return Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length);
}
