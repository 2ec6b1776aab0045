/** The order of the study's runs: each stop leaves whole answers. @module */

import { join } from "node:path";
import { readAdapter } from "../../src/formats/mod.ts";
import type { PlannedRun, RunContext } from "../frame/mod.ts";
import { tryRates } from "../rate_search.ts";
import type { ChosenRate, TriedRates } from "../methods/rates.ts";
import {
  bothRanks,
  crossedRun,
  crossedStarts,
  dataSeeds,
  longRuns,
  longSteps,
  methodOf,
  otherMethods,
  queryRanks,
  type RealMethod,
  reportedRun,
  searchRun,
} from "./plan.ts";
import { isShippedRun } from "./merged.ts";
import type { RealRow } from "./rows.ts";
import { planReal, type RealRun } from "./runs.ts";
import { chosenRate, searchRate } from "./search.ts";
import { scaleAdapter, scaledKeys, type ScaledRow } from "./scaling.ts";
import type { RealTask } from "./task.ts";

/** The rate of a method that was searched. */
export type RateOf = (method: RealMethod) => ChosenRate;

/** What is done one after the other: a search, a run at the rates that were found, or what is measured of one. */
export type Stage =
  | { readonly search: RealMethod }
  | { readonly run: (rateOf: RateOf) => RealRun }
  | { readonly scale: (rateOf: RateOf) => RealRun };

const searches = (methods: readonly RealMethod[]): Stage[] =>
  methods.map((search): Stage => ({ search }));

const reported = (methods: readonly RealMethod[], seeds: readonly number[] = dataSeeds): Stage[] =>
  seeds.flatMap((seed) =>
    methods.map((method): Stage => ({
      run: (rateOf) => reportedRun(method, rateOf(method).learningRate, seed),
    }))
  );

const crossed = (
  runs: readonly (Pick<RealRun, "key" | "start" | "data"> & { readonly steps?: number })[],
): Stage[] =>
  runs.map(({ key, ...run }): Stage => {
    const method = methodOf(key);
    return { run: (rateOf) => crossedRun(method, rateOf(method).learningRate, run) };
  });

/** Adapters whose intruders are scaled. */
const scaled: readonly Stage[] = scaledKeys.flatMap((key) =>
  dataSeeds.map((seed): Stage => {
    const method = methodOf(key);
    return { scale: (rateOf) => reportedRun(method, rateOf(method).learningRate, seed) };
  })
);

const long = crossed(longRuns.map((run) => ({ ...run, steps: longSteps })));

const firstSeeds = dataSeeds.slice(0, 2), lastSeeds = dataSeeds.slice(2);

/** All of them. Table 3's come last, and its third seed last of all: it is cut first. */
export const stages: readonly Stage[] = [
  ...searches(bothRanks.slice(0, 3)),
  ...reported(bothRanks.slice(0, 3)),
  ...searches(bothRanks.slice(3)),
  ...reported(bothRanks.slice(3)),
  ...crossed(crossedStarts.map((run) => ({ key: "qv-64", ...run }))),
  ...scaled,
  ...searches(queryRanks),
  ...reported(queryRanks),
  ...long.slice(0, 3),
  ...searches(otherMethods),
  ...reported(otherMethods, firstSeeds),
  ...long.slice(3),
  ...reported(otherMethods, lastSeeds),
];

/** Called after a search and after a run. */
export interface StageReport {
  /** What each rate gave, by the method's key. */
  searched(tried: Readonly<Record<string, TriedRates>>): Promise<void>;
  /** A run is there. */
  made(planned: PlannedRun<RealRun>): void;
  /** Intruders of a run are to be scaled, unless they were. */
  scaling(run: RealRun, scale: () => Promise<readonly ScaledRow[]>): Promise<void>;
}

/** What is known of runs on other machines. */
export interface ShippedRuns {
  /** What every rate gave, by the method's key. */
  readonly tried: Readonly<Record<string, TriedRates>>;
  /** Rows of reported runs. */
  readonly rows: readonly RealRow[];
}

/** Makes all runs, one after the other; those that are finished are read, and shipped ones left out. */
export async function makeAll(
  task: RealTask,
  context: RunContext,
  report: StageReport,
  shipped: ShippedRuns,
): Promise<void> {
  const found = new Map(Object.entries(shipped.tried));
  const rateOf: RateOf = ({ key }) => chosenRate(found.get(key)!);
  const tell = () => report.searched(Object.fromEntries(found));
  if (found.size > 0) await tell();
  for (const stage of stages) {
    if ("search" in stage) {
      if (found.has(stage.search.key)) continue;
      found.set(stage.search.key, await searched(stage.search, task, context));
      await tell();
    } else if ("run" in stage) {
      const planned = planReal(task, stage.run(rateOf));
      if (isShippedRun(shipped.rows, planned.chosen)) continue;
      await planned.make(context);
      report.made(planned);
    } else {
      await scaleOne(stage.scale(rateOf), task, context, report);
    }
  }
}

/** What each rate of a method gave. */
const searched = (
  method: RealMethod,
  task: RealTask,
  context: RunContext,
): Promise<TriedRates> =>
  searchRate(method.prior, async (learningRate) => {
    const planned = () => planReal(task, searchRun(method, learningRate));
    const tried = await tryRates([learningRate], planned, ({ loss }) => loss, context);
    return tried[learningRate] as number | null;
  });

async function scaleOne(
  run: RealRun,
  task: RealTask,
  context: RunContext,
  report: StageReport,
): Promise<void> {
  const { folder } = await planReal(task, run).make(context);
  await report.scaling(run, async () => {
    const { updates } = await readAdapter(join(folder, "adapter"));
    return await scaleAdapter({ key: run.key, seed: run.data }, updates, task, context.device);
  });
}
