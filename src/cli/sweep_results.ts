/** What a sweep found: the best learning rate of each setting, with mean and spread over seeds. @module */

import { howMany } from "../core/how_many.ts";
import { boundsOf, mean, standardDeviation } from "../core/numbers.ts";
import type { SweepRow } from "./sweep_runs.ts";
import { type Column, table } from "./table.ts";

/** A setting at the learning rate whose mean held-out loss over the seeds is the lowest. */
export interface SweepBest {
  /** What sets it apart. */
  readonly setting: string;
  /** Number of trained values. */
  readonly trainable: number;
  /** Seeds. */
  readonly seeds: number;
  /** The rate; null where training diverged at every rate. */
  readonly learningRate: number | null;
  /** Which end of the rates that were tried it is, if there were several: a better one may be beyond. */
  readonly end: "lowest" | "highest" | null;
  /** Mean over the seeds of the lowest held-out loss. */
  readonly loss: number | null;
  /** Standard deviation of that over the seeds; null for one. */
  readonly lossSpread: number | null;
  /** Mean accuracy, of classifiers. */
  readonly accuracy: number | null;
  /** Standard deviation of that over the seeds. */
  readonly accuracySpread: number | null;
  /** Mean share of held-out prompts that are answered right, of texts with prompts. */
  readonly right: number | null;
  /** Standard deviation of that over the seeds. */
  readonly rightSpread: number | null;
}

/** The best rate of each setting, in the order of the rows. */
export function bestOf(rows: readonly SweepRow[]): SweepBest[] {
  const settings = Map.groupBy(rows, ({ setting }) => setting);
  return [...settings].map(([setting, own]) => {
    const rates = Map.groupBy(own, ({ learningRate }) => learningRate);
    const whole = [...rates.values()].filter((seeds) => seeds.every(({ heldOut }) => heldOut));
    const best = whole.toSorted((a, b) => lossOf(a).mean! - lossOf(b).mean!)[0] ?? [];
    const [{ trainable }] = own, rate = best[0]?.learningRate ?? null;
    const loss = lossOf(best), accuracy = spreadOf(best.flatMap(({ accuracy = [] }) => accuracy));
    const right = spreadOf(best.flatMap(({ answers: all }) => all ? all.right / all.texts : []));
    return {
      setting,
      trainable,
      seeds: new Set(own.map(({ seed }) => seed)).size,
      learningRate: rate,
      end: endOf([...rates.keys()], rate),
      loss: loss.mean,
      lossSpread: loss.spread,
      accuracy: accuracy.mean,
      accuracySpread: accuracy.spread,
      right: right.mean,
      rightSpread: right.spread,
    };
  });
}

const lossOf = (rows: readonly SweepRow[]) => spreadOf(rows.map(({ heldOut }) => heldOut!.best));

const spreadOf = (values: readonly number[]) => ({
  mean: values.length > 0 ? mean(values) : null,
  spread: values.length > 1 ? standardDeviation(values) : null,
});

function endOf(rates: readonly number[], rate: number | null): SweepBest["end"] {
  const [least, most] = boundsOf(rates);
  if (rate === null || least === most) return null;
  return rate === least ? "lowest" : rate === most ? "highest" : null;
}

/** A line for each setting. */
export function bestTable(best: readonly SweepBest[]): string {
  const withSpread = (value: number | null, spread: number | null, show: (x: number) => string) =>
    value === null ? "-" : `${show(value)}${spread === null ? "" : ` ± ${show(spread)}`}`;
  const percent = (share: number) => `${(100 * share).toFixed(1)}%`;
  const columns: Column<SweepBest>[] = [
    ["setting", ({ setting }) => setting],
    ["trained", ({ trainable }) => trainable],
    ["best rate", ({ learningRate }) => `${learningRate ?? "diverged"}`],
    ["held-out loss", ({ loss, lossSpread }) => withSpread(loss, lossSpread, (x) => x.toFixed(4))],
    ["accuracy", (row) => withSpread(row.accuracy, row.accuracySpread, percent)],
    ["right answers", (row) => withSpread(row.right, row.rightSpread, percent)],
    ["seeds", ({ seeds }) => seeds],
  ];
  const missing = [
    best.every(({ accuracy }) => accuracy === null) ? "accuracy" : "",
    best.every(({ right }) => right === null) ? "right answers" : "",
  ];
  return table(best, columns.filter(([title]) => !missing.includes(title)));
}

/** What a reader should know of the table, a sentence each. */
export function remarksOn(rows: readonly SweepRow[], best: readonly SweepBest[]): string[] {
  const diverged = rows.filter(({ diverged }) => diverged !== undefined).length;
  const ends = best.filter(({ end }) => end !== null);
  const unmoved = best.filter((one) => one.loss !== null && ofBest(rows, one).every(isUnmoved));
  return [
    ...diverged > 0
      ? [`${howMany(diverged, "training")} of ${rows.length} diverged: results.json says which`]
      : [],
    ...unmoved.map(({ setting }) =>
      `no rate of ${setting} lowered the held-out loss, so the one shown is that before training`
    ),
    ...ends.map(({ setting, learningRate, end }) =>
      `the best rate of ${setting}, ${learningRate}, is the ${end} that was tried: try ${
        end === "lowest" ? "lower" : "higher"
      } ones too`
    ),
  ];
}

/** The trainings of a setting at its best rate. */
const ofBest = (rows: readonly SweepRow[], { setting, learningRate }: SweepBest): SweepRow[] =>
  rows.filter((row) => row.setting === setting && row.learningRate === learningRate);

const isUnmoved = ({ heldOut }: SweepRow): boolean => heldOut?.bestStep === 0;
