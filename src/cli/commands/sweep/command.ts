/** `lowrank sweep`. @module */

import { join } from "node:path";
import { boundsOf, howMany, mean, standardDeviation } from "../../../core/numbers.ts";
import { version } from "../../../core/program.ts";
import type { Device } from "../../../device/mod.ts";
import { partOf, shardOf } from "../../../runs/plan.ts";
import { prepareFolder, writeJsonAtomic } from "../../../storage/files.ts";
import { Interrupt, Interrupted } from "../../../terminal/interrupt.ts";
import { ProgressBar, roughDuration } from "../../../terminal/progress.ts";
import type { StepEvent } from "../../../train/mod.ts";
import { type LowrankCommand, option, required } from "../../command.ts";
import {
  type Column,
  type CommonOptions,
  note,
  openChosen,
  print,
  printWritten,
  table,
} from "../../common.ts";
import { Argument } from "../../options.ts";
import {
  madeIn,
  makeTraining,
  planSweep,
  readGrid,
  type SweepRow,
  type SweepTraining,
} from "./grid.ts";
import { courseOf, TimeLeft } from "../train/command.ts";

/**
 * A setting at its best learning rate: the one with the most right labels or answers where these are counted, and of
 * equals, or else, with the lowest held-out loss; both are means over the seeds.
 */
export interface SweepBest {
  /** The options that set it apart. */
  readonly setting: string;
  /** Number of trained values. */
  readonly trainable: number;
  /** Seeds. */
  readonly seeds: number;
  /** The rate; null where training diverged at every rate. */
  readonly learningRate: number | null;
  /** The end of the rates that were tried, if it is one and there were several: a better one may be beyond. */
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
    const best = whole.toSorted(bestFirst)[0] ?? [];
    const [{ trainable }] = own, rate = best[0]?.learningRate ?? null;
    const loss = lossOf(best), right = spreadOf(rights(best));
    const accuracy = spreadOf(accuracies(best));
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

const accuracies = (rows: readonly SweepRow[]): number[] =>
  rows.flatMap(({ accuracy = [] }) => accuracy);

const rights = (rows: readonly SweepRow[]): number[] =>
  rows.flatMap(({ answers: all }) => all ? all.right / all.texts : []);

/** Orders the trainings of two rates, which have either labels or answers, or neither. */
function bestFirst(a: readonly SweepRow[], b: readonly SweepRow[]): number {
  const shareOf = (rows: readonly SweepRow[]) => {
    const share = spreadOf([...accuracies(rows), ...rights(rows)]).mean ?? 0;
    return Math.round(1e9 * share); // Equal means may differ by the rounding of their sums.
  };
  return shareOf(b) - shareOf(a) || lossOf(a).mean! - lossOf(b).mean!;
}

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
function bestTable(best: readonly SweepBest[]): string {
  const withSpread = (value: number | null, spread: number | null, show: (x: number) => string) =>
    value === null ? "-" : `${show(value)}${spread === null ? "" : ` ± ${show(spread)}`}`;
  const percent = (share: number) => `${(100 * share).toFixed(1)}%`;
  const shares = ([["accuracy", "accuracy"], ["right answers", "right"]] as const)
    .filter(([, field]) => best.some((row) => row[field] !== null));
  const columns: Column<SweepBest>[] = [
    ["setting", ({ setting }) => setting],
    ["trained", ({ trainable }) => trainable],
    ["best rate", ({ learningRate }) => `${learningRate ?? "diverged"}`],
    ["held-out loss", ({ loss, lossSpread }) => withSpread(loss, lossSpread, (x) => x.toFixed(4))],
    ...shares.map(([title, field]): Column<SweepBest> => [
      title,
      (row) => withSpread(row[field], row[`${field}Spread`], percent),
    ]),
    ["seeds", ({ seeds }) => seeds],
  ];
  return table(best, columns);
}

/** Sentences that a reader of the table needs. */
export function remarksOn(rows: readonly SweepRow[], best: readonly SweepBest[]): string[] {
  const diverged = rows.filter(({ diverged }) => diverged !== undefined).length;
  const ends = best.filter(({ end }) => end !== null);
  const unmoved = best.filter(({ setting, loss }) =>
    loss !== null && rows.every((row) => row.setting !== setting || isUnmoved(row))
  );
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

/** True if no step lowered the held-out loss, or it was not measured. */
const isUnmoved = ({ heldOut }: SweepRow): boolean =>
  heldOut === undefined || heldOut.bestStep === 0;

/** A training, as far as its progress goes. */
export type SweepPart = Pick<SweepTraining, "words" | "request" | "hash">;

/** Shows the steps of the trainings of a sweep, which are made one after the other. */
export class SweepProgress {
  readonly #parts: readonly SweepPart[];
  readonly #steps: readonly number[];
  readonly #shared: readonly string[];
  readonly #made: ReadonlySet<string>;
  readonly #bar = new ProgressBar("sweep");
  readonly #started = performance.now();
  #part = -1;
  #left!: TimeLeft;
  #taken = 0;
  #begun = 0;

  /** Of trainings of which some, by their hashes, have been made before. */
  constructor(parts: readonly SweepPart[], made: ReadonlySet<string>) {
    this.#parts = parts;
    this.#steps = parts.map(({ request }) => request.spec.training.steps);
    this.#made = made;
    const alike = (word: string) => parts.every(({ words }) => words.includes(word));
    this.#shared = (parts[0]?.words ?? []).filter(alike);
  }

  /** A training, by its place, has taken a step. */
  report(part: number, event: StepEvent): void {
    if (part !== this.#part) this.#begin(part);
    this.#left.add(event);
    this.#taken++;
    const done = event.step + 1, own = this.#steps[part];
    const share = (sum(this.#steps.slice(0, part)) + done) / sum(this.#steps);
    const ms = this.#msLeft(own - done), count = `${part + 1} of ${this.#parts.length}`;
    const rest = ms === undefined || share >= 1 ? "" : `, ${roughDuration(ms)} left`;
    const at = `loss ${event.loss.toFixed(4)}, step ${done} of ${own}${rest}`;
    // A narrow terminal cuts the end.
    this.#bar.report(share, [`${at}, ${count}`, this.#nameOf(part)].filter(Boolean).join(": "));
  }

  /** Clears the line of a terminal, so that a sentence may stand there. */
  clear(): void {
    this.#bar.clear();
  }

  /** The settings that tell a training from the others. */
  #nameOf(part: number): string {
    return this.#parts[part].words.filter((word) => !this.#shared.includes(word)).join(" ");
  }

  #begin(part: number): void {
    this.#part = part;
    this.#begun++;
    this.#left = new TimeLeft(courseOf(this.#parts[part].request));
  }

  /** The training under way by its own pace, or by that of those before it; those that wait by that of all. */
  #msLeft(own: number): number | undefined {
    const pace = (performance.now() - this.#started) / this.#taken;
    const waiting = this.#steps.filter((_, i) =>
      i > this.#part && !this.#made.has(this.#parts[i].hash)
    );
    const rest = this.#left.ms ?? (this.#begun > 1 ? pace * own : undefined);
    return rest === undefined ? undefined : rest + pace * sum(waiting);
  }
}

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);

interface SweepOptions extends CommonOptions {
  readonly output: string;
  readonly shard?: string;
}

const help = `
The file has options of train, with one value or a list of values, of which
every combination is trained; those in "methods" are of that method alone:
  {"model": "models/tiny-gpt2", "data": "examples/pairs.jsonl", "steps": 60,
   "methods": [{"method": "full"}, {"method": "lora", "rank": [1, 8]}],
   "learning-rate": [0.001, 0.004], "seed": [1, 2, 3]}

Everything is checked before the first training. Each is in a folder of its own,
OUTPUT/runs/HASH, with its adapter; what is there is not done again, and Ctrl-C
loses at most a step. A training that diverges is a result.

The table has for each setting the best rate: where texts have prompts or
labels, the one with the most right held-out answers or labels; of equals, and
of other texts, the one with the lowest held-out loss. All are means over the
seeds, with standard deviations. The held-out texts chose the rate and the step:
to report a result, measure other texts with evaluate. A seed also chooses the
held-out texts, unless "validation" names a file.

--shard makes only a part of the trainings: every n-th, from the i-th. In a
Slurm array numbered from 1 and in a Kubernetes indexed job, /n is enough. Then
run the command without it: it reads all, makes what is missing, and writes the
results.

JSON, as in OUTPUT/results.json: {"version", "sweep", "device", "runs", "best"}.`;

/** Trains every combination of settings and compares them. */
export const sweepCommand: LowrankCommand = {
  name: "sweep",
  summary: "train every combination of settings, and compare them",
  arguments: [new Argument("<file>", "JSON file with options of train, and lists of values")],
  options: [
    required("--output <folder>", "folder to write"),
    option("--shard <i/n>", "make only the i-th of n parts; in a job array /n will do"),
  ],
  uses: ["--device"],
  permissions: ["read", "write", "device"],
  valuesIn: async (file) => {
    return (await readGrid(file)).choices.flatMap((choice) => Object.values(choice).map(String));
  },
  help,
  example: "sweep examples/sweep.json --output out/sweep",
  run,
};

async function run(path: string, options: SweepOptions): Promise<void> {
  const shard = shardOf(options.shard), grid = await readGrid(path);
  using device = await openChosen(options);
  const all = await planSweep(path, grid, options.output, device.kind);
  const own = shard ? partOf(all, shard) : all;
  const part = shard ? `, part ${shard.index} of ${shard.count}, of ${all.length}` : "";
  note(options, `${howMany(own.length, "training")}${part}`);
  await prepareFolder(options.output);
  const runs = await makeAll(own, device, options);
  if (shard) {
    const made = { shard, runs: runs.map(({ run }) => run) };
    return printWritten(options, made, "made: run without --shard to compare all");
  }
  const best = bestOf(runs), sweep = grid.content;
  const found = { version, sweep, device: device.description, runs, best };
  await writeJsonAtomic(join(options.output, "results.json"), found);
  print(options, found, () => bestTable(best));
  for (const line of remarksOn(runs, best)) note(options, line);
}

/** Makes the trainings one after the other. */
async function makeAll(
  trainings: readonly SweepTraining[],
  device: Device,
  options: SweepOptions,
): Promise<SweepRow[]> {
  using interrupt = new Interrupt().listen();
  const { signal } = interrupt, folder = join(options.output, "runs"), rows: SweepRow[] = [];
  const made = await madeIn(folder, trainings), progress = new SweepProgress(trainings, made);
  if (made.size > 0) note(options, `already trained: ${made.size} of ${trainings.length}`);
  try {
    for (const training of trainings) {
      interrupt.throwIfStopped();
      const onStep = (event: StepEvent) => {
        if (!options.quiet) progress.report(rows.length, event);
      };
      rows.push(await makeTraining(training, { device, folder, signal, onStep }));
    }
    return rows;
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    const after = `${error.message} after ${rows.length} of ${
      howMany(trainings.length, "training")
    }`;
    progress.clear();
    note(options, `${after}: run the same command again to resume`);
    throw error;
  }
}
