/** Summarizes the reports of all processes as one row for each case and contender. @module */

import type { Measured, Report } from "./protocol.ts";
import type { StartUp } from "./start_up.ts";
import { flopsOf } from "./workloads.ts";

/** Least and median ms a step. */
export interface Spread {
  readonly min: number;
  readonly median: number;
}

/** One contender at one case. */
export interface Row {
  readonly case: string;
  readonly contender: string;
  readonly firstMs: number;
  readonly each: Spread;
  /** Null where no block of ten ran. */
  readonly ten: Spread | null;
  /** The checked number after the first step, the fifth and the last. */
  readonly checks: readonly number[];
  /** True if they are PyTorch's, or where it has none those of the first contender. */
  readonly same: boolean;
  /** Share of the measured multiply-add peak. */
  readonly shareOfRoof: number | null;
}

/** All that a run found. */
export interface Summary {
  readonly date: string;
  readonly deno: string;
  /** Processors as the system names them; absent in older results. */
  readonly machine?: string;
  readonly note: string;
  readonly rounds: number;
  /** Absent where only some workloads or contenders ran. */
  readonly startUp?: StartUp;
  readonly devices: Readonly<Record<string, string>>;
  readonly roof: { readonly gflops: number; readonly copyGBs: number };
  readonly rows: readonly Row[];
  readonly notRun: readonly { readonly what: string; readonly why: string }[];
}

/** Losses of the last step may drift apart, F32 sums being ordered as each likes. */
const tolerances = [2e-4, 2e-3, 2e-2];

function spread(times: readonly number[]): Spread {
  const sorted = times.toSorted((a, b) => a - b);
  return { min: round(sorted[0]), median: round(sorted[sorted.length >> 1]) };
}

const round = (value: number) => Number(value.toPrecision(4));

function isSame(a: Measured, b: Measured): boolean {
  const comparable = a.steps === b.steps ? 3 : 2;
  return a.checks.slice(0, comparable).every((x, i) =>
    Math.abs(x - b.checks[i]) <= tolerances[i] * Math.abs(b.checks[i])
  );
}

type Found = Map<string, Map<string, Measured[]>>;

function gather(reports: ReadonlyMap<string, readonly Report[]>): Found {
  const found: Found = new Map();
  for (const [key, list] of reports) {
    const contender = key.slice(key.indexOf("/") + 1);
    for (const measured of list.flatMap(({ cases = [] }) => cases)) {
      const row = found.get(measured.name) ?? new Map<string, Measured[]>();
      row.set(contender, [...row.get(contender) ?? [], measured]);
      found.set(measured.name, row);
    }
  }
  return found;
}

function rowOf(
  name: string,
  contender: string,
  runs: readonly Measured[],
  judge: Measured,
  peak: number,
): Row {
  const each = spread(runs.flatMap(({ each }) => each));
  const tens = runs.flatMap(({ ten }) => ten), ten = tens.length > 0 ? spread(tens) : null;
  const flops = flopsOf(name), best = Math.min(each.min, ten?.min ?? Infinity);
  return {
    ...{ case: name, contender, each, ten },
    firstMs: spread(runs.map(({ firstMs }) => firstMs)).median,
    checks: runs[0].checks.map(round),
    same: runs.every((run) => isSame(run, judge)),
    shareOfRoof: flops ? round(flops / best / 1e6 / peak) : null,
  };
}

/** The highest speed of any contender is a floor of the roof too: a busy machine hides it. */
function roofOf(reports: ReadonlyMap<string, readonly Report[]>, found: Found) {
  const roofs = [...reports.values()].flat().flatMap(({ roof }) => roof ?? []);
  const speeds = [...found].flatMap(([name, row]) =>
    [...row.values()].flat().flatMap(({ each, ten }) =>
      [...each, ...ten].map((ms) => (flopsOf(name) ?? 0) / ms / 1e6)
    )
  );
  return {
    gflops: round(Math.max(0, ...roofs.map(({ gflops }) => gflops), ...speeds)),
    copyGBs: round(Math.max(0, ...roofs.map(({ copyGBs }) => copyGBs))),
  };
}

/** Rows of all cases, and reasons for those that are missing. */
export function summarize(
  reports: ReadonlyMap<string, readonly Report[]>,
): Pick<Summary, "devices" | "roof" | "rows" | "notRun"> {
  const found = gather(reports), roof = roofOf(reports, found);
  const rows = [...found].flatMap(([name, row]) => {
    const [judge] = row.get("torch") ?? [...row.values()][0];
    return [...row].map(([contender, runs]) => rowOf(name, contender, runs, judge, roof.gflops));
  });
  const entries = [...reports].map(([key, list]) => ({ key, ...list[list.length - 1] }));
  const devices = entries.flatMap(({ key, device }) =>
    device ? [[key.slice(key.indexOf("/") + 1), device]] : []
  );
  const notRun = entries.flatMap(({ key, notRun }) => notRun ? [{ what: key, why: notRun }] : []);
  return { devices: Object.fromEntries(devices), roof, rows, notRun };
}
