/** The study's runs in their order, so that each stop leaves whole answers, and the search of a method's rate. @module */

import { join } from "node:path";
import { kindOf } from "../../src/storage/storage.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import type { PlannedRun, RunContext } from "../frame/mod.ts";
import { chooseLeast, type ChosenRate, ratesAround, type TriedRates } from "../methods/rates.ts";
import { tryRates } from "../rate_search.ts";
import { isShippedRun } from "./shipped_rows.ts";
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
import { runFiles, type RunResult } from "../../src/runs/mod.ts";
import type { RealRow } from "./rows.ts";
import { planReal, type RealRun } from "./runs.ts";
import { scaleAdapter, scaledKeys, type ScaledRow } from "./scaling.ts";
import type { RealTask } from "./task.ts";

/** Rates that a search begins with, and how often it goes one further. */
const firstRates = 3, mostFurther = 2;

/** Trains at a rate and returns the loss, or `null` where training diverged. */
export type TryRate = (learningRate: number) => Promise<number | null>;

/** Tries three rates, and beyond the end that is best until one inside is, at most twice. */
export async function searchRate(prior: number, tryRate: TryRate): Promise<TriedRates> {
  const tried: Record<string, number | null> = {};
  let grid = ratesAround(prior, firstRates);
  for (let further = 0;; further++) {
    for (const rate of grid) if (!(rate in tried)) tried[rate] = await tryRate(rate);
    const next = nextRate(tried);
    if (next === undefined || further === mostFurther) return tried;
    grid = [next];
  }
}

/** The half-decade beyond the best rate, where that is an end: 1e-5, 3e-6 and so on, without a last one. */
function nextRate(tried: TriedRates): number | undefined {
  const { learningRate, end } = chooseLeast(tried);
  if (end === undefined) return undefined;
  const isThree = learningRate.toExponential().startsWith("3"), up = isThree ? 10 / 3 : 3;
  return Number((learningRate * (end === "highest" ? up : up / 10)).toPrecision(1));
}

/** The rate of a method that was searched. */
export type RateOf = (method: RealMethod) => ChosenRate;

/** A search, a run at the rates that were found, or the scaling of a run's intruders. */
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

const [one, eight, most, two, four, sixteen] = bothRanks;

/** r = 64 with the starts of r = 8, two runs for each. */
const starts = crossed(crossedStarts.map((run) => ({ key: "qv-64", ...run })));

/** All stages, as the rules' notes have their order. Table 3's come last, and its third seed last of all: it is cut first. */
export const stages: readonly Stage[] = [
  ...searches([one, eight, most]),
  ...reported([one, eight, most], firstSeeds),
  ...reported([one, eight], lastSeeds),
  ...searches([four]),
  ...starts.slice(0, 2),
  ...reported([four], firstSeeds),
  ...starts.slice(2, 4),
  ...reported([most, four], lastSeeds),
  ...reported([four], four.seeds.slice(dataSeeds.length)),
  ...starts.slice(4),
  ...searches([two, sixteen]),
  ...reported([two, sixteen]),
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
  /** The loss that each rate gave, by the method's key. */
  searched(tried: Readonly<Record<string, TriedRates>>): Promise<void>;
  /** A run is there; `isNew` where it has been finished now. */
  made(made: RunResult, label: string, isNew: boolean): Promise<void>;
  /** Intruders of a run are to be scaled, unless they were. */
  scaling(
    made: RunResult,
    label: string,
    scale: () => Promise<readonly ScaledRow[]>,
  ): Promise<void>;
}

/** The shipped results of other machines. */
export interface ShippedRuns {
  /** The loss that every rate gave, by the method's key. */
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
  const rateOf: RateOf = ({ key }) => chooseLeast(found.get(key)!);
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
      await makeOne(planned, context, report);
    } else {
      await scaleOne(stage.scale(rateOf), task, context, report);
    }
  }
}

/** Makes a run, or reads it where it is finished, and tells which of both. */
export async function makeOne(
  planned: PlannedRun<RealRun>,
  context: RunContext,
  { made }: Pick<StageReport, "made">,
): Promise<void> {
  const { done } = await runFiles(context.folder, await planned.spec(context.device));
  const isNew = await kindOf(done) !== "file";
  await made(await planned.make(context), planned.label, isNew);
}

/** The loss that each rate of a method gave. */
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
  const planned = planReal(task, run), made = await planned.make(context);
  await report.scaling(made, planned.label, async () => {
    const { updates } = await readAdapter(join(made.folder, "adapter"));
    const one = { key: run.key, seed: run.data, metrics: made.metrics };
    return await scaleAdapter(one, updates, task, context.device);
  });
}
