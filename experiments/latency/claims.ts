/** Slow-downs, computed from the times, and the claims on them; decision 0026 has the reasons of the rules. @module */

import { mean } from "../../src/core/numbers.ts";
import said from "../../src/paper/printed/claims.json" with { type: "json" };
import { signed } from "../differences.ts";
import {
  allHold,
  type Claim,
  isAtLeast,
  isAtMost,
  type Judgment,
  ratioText,
  type TimeRatio,
} from "../frame/mod.ts";
import { clockMet, timedClaim } from "../frame/turns.ts";
import type { ComparedPass, Variant } from "./passes.ts";

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
interface SlowDown {
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
const spacesOf = (rows: Rows): string[] => [...new Set(rows.map(({ space }) => space))];

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
const methodName = ({ model, bottleneck }: Variant): string =>
  bottleneck > 0 ? `${model}, r = ${bottleneck}` : model;

/** The cells of each method in each space. */
export function methodsIn(rows: Rows): MethodCells[] {
  const groups = Map.groupBy(slowDowns(rows), ({ row }) => `${row.space}\n${methodName(row)}`);
  return [...groups.values()].map((cells) => {
    return { space: cells[0].row.space, method: methodName(cells[0].row), cells };
  });
}

/** The methods that are adapter layers. */
const adaptersIn = (rows: Rows): MethodCells[] =>
  methodsIn(rows).filter(({ cells: [{ row }] }) => row.bottleneck > 0);

/** The cells of a model in a space. */
const cellsOf = (rows: Rows, space: string, model: Variant["model"]): LatencyRow[] =>
  rows.filter((row) => row.space === space && row.model === model && !isOneToken(row));

/** The time of a cell by the base's: of its rounds, or, in rows from before these were kept, of the least times. */
const timeRatio = (rows: Rows, row: LatencyRow): TimeRatio =>
  row.ratio === undefined
    ? { ratio: row.minimum / baseOf(rows, row).minimum }
    : { ratio: row.ratio, low: row.low, high: row.high };

/** A method at one batch. */
interface BatchCells {
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
const smallestCell = ({ cells }: MethodCells): SlowDown =>
  cells.toSorted((a, b) => a.row.batch - b.row.batch || a.row.length - b.row.length)[0];

/** `+1.2%`. */
const signedPercent = (share: number): string => `${signed(100 * share)}%`;

/** The share by which the control may be off. */
const controlShare = 0.02;

const bySpace = (rows: Rows, say: (space: string) => string): string =>
  spacesOf(rows).map((space) => `${space}: ${say(space)}`).join(". ") + ".";

const inSpace = (rows: Rows, space: string): MethodCells[] =>
  adaptersIn(rows).filter((method) => method.space === space);

/** The rule that decides that a model adds no latency, whatever its rows are. */
export const mergedRule =
  "when in every cell a pass of the merged model asks the device for the base's launches, kernel by kernel, with " +
  "the same shapes and bytes, and one of the unmerged model does not; times are shown beside it and decide nothing";

/** The most launches of a cell that differ from the base's, and those that the unmerged model has more. */
export function launchText(
  [base, merged, unmerged]: readonly (readonly Pick<LatencyRow, "launches" | "differing">[])[],
): string {
  const most = Math.max(...merged.map(({ differing }) => differing));
  return `${most} of ${base[0].launches} launches differ; unmerged ${
    unmerged[0].launches - base[0].launches
  } more`;
}

const mergedClaim = (shape: string): Claim<Rows> => ({
  text: `Merged LoRA adds no latency (in ${shape})`,
  rule: mergedRule,
  ...said.latency,
  ...{ scale: false, corrected: clockMet },
  ours: (rows) =>
    launchText((["base", "merged", "unmerged"] as const)
      .map((model) => cellsOf(rows, spacesOf(rows)[0], model))),
  holds: (rows) =>
    spacesOf(rows).every((space) =>
      cellsOf(rows, space, "merged").every(({ differing }) => differing === 0) &&
      cellsOf(rows, space, "unmerged").every(({ differing }) => differing > 0)
    ),
  found: (rows) =>
    bySpace(rows, (space) => {
      const [merged, again, unmerged] = (["merged", "base again", "unmerged"] as const)
        .map((model) => cellsOf(rows, space, model).map((row) => timeRatio(rows, row)))
        .map((cells) => ratioText(overall(cells)));
      return `by the clock ${merged} times the base's time; the base again ${again}, unmerged ${unmerged}`;
    }),
});

/** The geometric mean over cells, and the ends of all their intervals. */
function overall(cells: readonly TimeRatio[]): TimeRatio {
  const ratio = Math.exp(mean(cells.map((cell) => Math.log(cell.ratio))));
  if (cells.some(({ low }) => low === undefined)) return { ratio };
  const [low, high] = [cells.map((cell) => cell.low!), cells.map((cell) => cell.high!)];
  return { ratio, low: Math.min(...low), high: Math.max(...high) };
}

/** The share of time added at a batch, on average over its lengths; so are the ends of the intervals. */
function ratioAt(rows: Rows, cells: readonly SlowDown[]): TimeRatio {
  const own = cells.map(({ row }) => timeRatio(rows, row));
  const ratio = mean(own.map((one) => one.ratio));
  if (own.some(({ low }) => low === undefined)) return { ratio };
  return { ratio, low: mean(own.map((one) => one.low!)), high: mean(own.map((one) => one.high!)) };
}

const batchesOf = (rows: Rows, method: MethodCells) =>
  byBatch(method).map(({ batch, own }) => ({ batch, time: ratioAt(rows, own) }));

/** Judges that a method's time by the base's is larger at batch 1 than at every other. */
function isSlowestAtOne(rows: Rows, method: MethodCells): Judgment {
  const [{ time: one }, ...others] = batchesOf(rows, method);
  return allHold(others.map(({ time: { ratio, low = 0, high = Infinity } }) =>
    isAtLeast(
      {
        ratio: one.ratio / ratio,
        low: (one.low ?? 0) / high,
        high: (one.high ?? Infinity) / low,
      },
      1,
      controlShare,
    )
  ));
}

function batchText(rows: Rows, method: MethodCells): string {
  const [one, ...others] = batchesOf(rows, method), last = others.at(-1) ?? one;
  return `${method.method} ${signedPercent(one.time.ratio - 1)} at batch 1, ${
    signedPercent(last.time.ratio - 1)
  } at ${last.batch}`;
}

const controlsOf = (rows: Rows): TimeRatio[] =>
  spacesOf(rows).flatMap((space) =>
    cellsOf(rows, space, "base again").map((row) => timeRatio(rows, row))
  );

const slowestClaim = (shape: string) =>
  timedClaim<Rows>({
    text: `Adapter layers slow a pass down most at batch 1 (in ${shape})`,
    rule:
      "when on each device, for H and L at every bottleneck, the time by the base's, averaged over the " +
      "lengths that every batch has, is largest at batch 1",
    ...{ control: "the base again", share: controlShare, controls: controlsOf },
    ...said.latencyAdapters,
    ...{ quick: false, corrected: clockMet },
    ours: (rows) => {
      const methods = adaptersIn(rows);
      const held = methods.filter((method) => {
        const [one, ...others] = batchesOf(rows, method);
        return others.every(({ time }) => time.ratio < one.time.ratio);
      });
      return `as timed, ${held.length} of ${methods.length} adapters`;
    },
    judge: (rows) => allHold(adaptersIn(rows).map((method) => isSlowestAtOne(rows, method))),
    found: (rows) =>
      bySpace(
        rows,
        (space) => inSpace(rows, space).map((method) => batchText(rows, method)).join("; "),
      ),
  });

/** Of what an adapter adds in its smallest cell, launches explain half where it adds at most twice what they take. */
function isByLaunches(rows: Rows, method: MethodCells): Judgment {
  const { row } = smallestCell(method), base = baseOf(rows, row), time = timeRatio(rows, row);
  const byLaunches = (row.launches - base.launches) * row.launchMicros / 1000 / base.median;
  return allHold([
    isAtMost(time, 1 + 2 * byLaunches, controlShare),
    isAtLeast(time, 1, controlShare), // Of an adapter that adds no time, they explain nothing.
  ]);
}

/** The base again in the smallest cell of each space. */
const smallestControls = (rows: Rows): TimeRatio[] =>
  spacesOf(rows).map((space) => {
    const { row: { batch, length } } = smallestCell(inSpace(rows, space)[0]);
    const isOwn = (row: LatencyRow) => row.batch === batch && row.length === length;
    return timeRatio(rows, cellsOf(rows, space, "base again").find(isOwn)!);
  });

function explainedText(method: MethodCells): string {
  const { share, byLaunches, byFlops, ofOneToken } = smallestCell(method);
  const [launches, operations, fixed] = [byLaunches, byFlops, ofOneToken]
    .map((part) => `${Math.round(100 * part)}%`);
  return `${method.method} ${signedPercent(share)}, of which ${launches} are launches, ` +
    `${operations} operations, and ${fixed} are there with a single token`;
}

const launchesClaim = (shape: string) =>
  timedClaim<Rows>({
    text: `The fixed cost of launching more kernels is most of the reason (in ${shape})`,
    rule:
      "when on each device, at batch 1 and the shortest length, extra launches times the measured cost of one are " +
      "at least half of what each adapter adds",
    ...{ control: "the base again", share: controlShare, controls: smallestControls },
    ...{ beyond: true, quick: false, corrected: clockMet },
    ours: (rows) => {
      const methods = adaptersIn(rows),
        held = methods.filter((method) => {
          const { share, byLaunches } = smallestCell(method);
          return share > 0 && byLaunches >= 0.5;
        });
      return `as timed, ${held.length} of ${methods.length} adapters`;
    },
    judge: (rows) => allHold(adaptersIn(rows).map((method) => isByLaunches(rows, method))),
    found: (rows) =>
      bySpace(rows, (space) => {
        const methods = inSpace(rows, space), [{ cells: [{ row }] }] = methods;
        return `a launch costs ${row.launchMicros.toFixed(1)} µs; by the least times ${
          methods.map(explainedText).join("; ")
        }`;
      }),
  });

/** The three of decision 0026, of a model. */
export const latencyClaims = (shape: string): readonly Claim<Rows>[] => [
  mergedClaim(shape),
  slowestClaim(shape),
  launchesClaim(shape),
];
