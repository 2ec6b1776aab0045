/** Speed of several runs over one base at once, against the same runs in a row; decision 0039 has the rules and their reasons. @module */

import { injectLora, type LoraAdapter, type LoraOptions } from "../../src/adapt/mod.ts";
import type { Batch } from "../../src/core/batch.ts";
import { countChangedBits } from "../../src/core/numbers.ts";
import { Random } from "../../src/core/random.ts";
import { type HostData, hostTensor } from "../../src/core/tensor.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import type { Device } from "../../src/device/device.ts";
import { type Figure, linesFigure, table } from "../../src/figures/mod.ts";
import type { TextModel } from "../../src/models/mod.ts";
import { type RunTogether, shareBase, trainTogether } from "../../src/runs/mod.ts";
import { type History, train } from "../../src/train/mod.ts";
import { loadBase } from "../base_model.ts";
import {
  type Claim,
  type Experiment,
  experiment,
  type ExperimentContext,
  isAtLeast,
  type Judgment,
  notQuiet,
  ratioOf,
  ratioText,
  type TimeRatio,
} from "../frame/mod.ts";
import { clockMet, timedClaim, timeInTurns, type TurnTimes } from "../frame/turns.ts";

/** Batch of a step of one run, and the adapted layers. */
interface Load {
  /** Sequences of a batch. */
  readonly rows: number;
  /** Tokens of a sequence. */
  readonly tokens: number;
  /** True if all linear layers are adapted, false for q and v. */
  readonly all: boolean;
}

/** A timed variant. */
export interface Variant extends Load {
  /** All at once, one after another, the latter once more, or one run with the rows of all. */
  readonly kind: "at once" | "in a row" | "in a row again" | "one run";
  /** Number of runs. */
  readonly runs: number;
}

/** The runs and the load of the rule. */
const ruled = { runs: 8, rows: 1, tokens: 16, all: false } as const;

/** The rank of every adapter, and the steps of every training. */
const rank = 8, trainedSteps = 5;

const pairOf = (load: Load, runs: number): Variant[] =>
  (["in a row", "at once"] as const).map((kind) => ({ ...load, kind, runs }));

const oneRunOf = (load: Load): Variant => ({ ...load, kind: "one run", runs: ruled.runs });

/** Variants that the rules read, and those beside them. */
export const ruledVariants: readonly Variant[] = [
  ...[1, 8].flatMap((runs) => pairOf(ruled, runs)),
  { ...ruled, kind: "in a row again" },
  oneRunOf(ruled),
];

const largerLoads: readonly Load[] = [
  { ...ruled, all: true },
  { ...ruled, tokens: 64 },
  { ...ruled, rows: 8, tokens: 64 },
];

/** All variants. */
export const allVariants: readonly Variant[] = [
  ...ruledVariants,
  ...[2, 4].flatMap((runs) => pairOf(ruled, runs)),
  ...largerLoads.flatMap((load) => [...pairOf(load, ruled.runs), oneRunOf(load)]),
];

/** Random batches with the next token as target. */
function randomBatches(
  { vocabulary }: TextModel,
  { rows, tokens }: Pick<Load, "rows" | "tokens">,
  count: number,
  seed: number,
): Batch[] {
  const random = new Random(seed), shape = [rows, tokens];
  return Array.from({ length: count }, () => {
    const ids = Uint32Array.from({ length: rows * tokens }, () => random.integer(vocabulary));
    const next = Int32Array.from(ids, (_, i) => i % tokens === tokens - 1 ? -100 : ids[i + 1]);
    return { inputs: { tokens: hostTensor(shape, ids) }, targets: hostTensor(shape, next) };
  });
}

/** A run's options, but for its data. */
const options = { learningRate: 1e-3, steps: trainedSteps } as const;

/** A function that trains a variant, from adapters that are there; `owner` frees them. */
function trainingOf(
  base: TextModel,
  variant: Variant,
  seed: number,
  owner: DisposableStack,
): () => Promise<unknown> {
  const { kind, runs, rows, all, tokens } = variant, isOne = kind === "one run";
  const made = Array.from({ length: isOne ? 1 : runs }, (_, i) => ({
    adapter: owner.use(adapterOn(base, all, seed + i)),
    batches: randomBatches(
      base,
      { tokens, rows: isOne ? runs * rows : rows },
      trainedSteps,
      seed + i,
    ),
  }));
  if (kind === "at once") {
    return () => trainTogether(made.map((run) => ({ ...run, ...options }))).finish();
  }
  return async () => {
    for (const { adapter, batches } of made) await train(adapter, batches, options).finish();
  };
}

function adapterOn(base: TextModel, all: boolean, seed: number): LoraAdapter {
  const sites = all ? { targetModules: "all-linear" } as const : { sites: ["q", "v"] };
  return injectLora(shareBase(base), { rank, alpha: 2 * rank, seed, ...sites });
}

/** Differences of runs at once from the runs alone. */
export interface RunDifferences {
  /** The device. */
  readonly device: string;
  /** Largest difference of a first step's loss or gradient norm, as a share of it. */
  readonly difference: number;
  /** Values of A and B, and losses, that have other bits. */
  readonly changed: number;
  /** Number of compared values. */
  readonly compared: number;
}

/** Different in all that one base allows. */
const adapters: readonly LoraOptions[] = [
  { rank: 1, sites: ["q", "v"] },
  { rank: 2, alpha: 8, sites: ["q"] },
  { rank: 3, sites: ["k", "o"], rankStabilized: true },
  { rank: 4, targetModules: "all-linear" },
  { rank: 5, alpha: 1, sites: ["up", "down"] },
  { rank: 6, sites: ["v"], init: "gaussian" },
  { rank: 7, sites: ["q", "k", "v", "o"] },
  { rank: 8, alpha: 16, targetModules: "all-linear" },
];

/** Trains 8 runs for 10 steps, alone and at once. */
export async function compareRuns(device: Device, seed: number): Promise<RunDifferences> {
  using base = await loadBase(device);
  const alone = await trained(base, seed, async (runs) => {
    const histories: History[] = [];
    for (const { adapter, batches, ...options } of runs) {
      histories.push(await train(adapter, batches, options).finish());
    }
    return histories;
  });
  const together = await trained(base, seed, async (runs) => {
    const done = await trainTogether(runs).finish();
    const failed = done.find(({ error }) => error !== undefined);
    if (failed) throw failed.error;
    return done.map(({ history }) => history);
  });
  const pairs = together.flatMap((values, i) =>
    values.bits.map((bits, at) => [bits, alone[i].bits[at]] as const)
  );
  const differences = together.flatMap(({ first }, i) =>
    first.map((value, at) => Math.abs(value / alone[i].first[at] - 1))
  );
  return {
    device: device.description,
    difference: Math.max(...differences),
    changed: pairs.reduce((sum, [found, expected]) => sum + countChangedBits(found, expected), 0),
    compared: pairs.reduce((sum, [{ length }]) => sum + length, 0),
  };
}

/** Trace of a run: its values and losses, and the results of its first step. */
interface Trace {
  readonly bits: readonly Float32Array[];
  readonly first: readonly number[];
}

async function trained(
  base: TextModel,
  seed: number,
  trainAll: (runs: readonly RunTogether[]) => Promise<History[]>,
): Promise<Trace[]> {
  using owner = new DisposableStack();
  const runs = adapters.map((own, i) => {
    const adapter = owner.use(injectLora(shareBase(base), { ...own, seed: seed + i }));
    randomizeB(adapter, seed + i);
    return runOf(base, adapter, seed, i);
  });
  const histories = await trainAll(runs);
  return await Promise.all(runs.map(async ({ adapter }, i) => {
    const values = await base.device.read(...adapter.parameters.map(({ tensor }) => tensor));
    const { loss, gradientNorm } = histories[i];
    const bits = [
      ...values.map(({ data }) => data as HostData as Float32Array),
      Float32Array.from(loss),
    ];
    return { bits, first: [loss[0], gradientNorm[0]] };
  }));
}

/** Rates, decay, clipping, data and the lengths of batches differ. */
function runOf(base: TextModel, adapter: LoraAdapter, seed: number, i: number): RunTogether {
  const shape = { rows: 1 + i % 3, tokens: i === 5 ? 12 : 16 };
  return {
    adapter,
    batches: randomBatches(base, shape, 4, seed + i),
    ...{ steps: 10, learningRate: 5e-4 * (i + 1), weightDecay: 0.01 * i },
    ...i % 2 === 1 && { clipNorm: 0.5 },
  };
}

/** Draws B, because with B = 0 a first step has no gradient of A. */
function randomizeB({ sites }: LoraAdapter, seed: number): void {
  const random = new Random(seed);
  for (const { B: { tensor } } of sites) {
    tensor.device.write(tensor, random.uniformWithin(0.02, tensor.size));
  }
}

/** The times of a variant's trainings. */
interface VariantTimes extends Variant, TurnTimes {}

/** Result of the experiment. */
export interface RunsAtOnce {
  /** The trainings that take turns. */
  readonly times: readonly VariantTimes[];
  /** Differences on the job's device, then on `cpu` without BLAS. */
  readonly differences: readonly [own: RunDifferences, plain: RunDifferences];
}

/** Least ratio of the speed of 8 runs at once to their speed in a row. */
const leastSpeedup = 2;

/**
 * Tolerances: the control's share, and the difference of a first step from that of the run alone.
 */
const controlShare = 0.1, mostDifference = 1e-5;

/** The times of the variant of a kind with this load. */
function timesOf(
  { times }: RunsAtOnce,
  kind: Variant["kind"],
  { rows, tokens, all }: Load,
  runs: number = ruled.runs,
): readonly number[] {
  return times.find((one) =>
    one.kind === kind && one.runs === runs && one.rows === rows && one.tokens === tokens &&
    one.all === all
  )!.each;
}

/** The time of the same runs in a row, timed again, by their first. */
const controlOf = (found: RunsAtOnce): TimeRatio =>
  ratioOf(timesOf(found, "in a row again", ruled), timesOf(found, "in a row", ruled));

/** Ratio of the speed of so many runs at once to their speed in a row. */
const speedupOf = (
  found: RunsAtOnce,
  load: Load = ruled,
  runs: number = ruled.runs,
): TimeRatio =>
  ratioOf(timesOf(found, "in a row", load, runs), timesOf(found, "at once", load, runs));

/** Largest possible speedup of 8 runs, if all had one adapter, one loss and one optimizer. */
export const boundOf = (found: RunsAtOnce, load: Load = ruled): TimeRatio =>
  ratioOf(timesOf(found, "in a row", load), timesOf(found, "one run", load));

/** Runs at once that are faster than one run with the rows of all, which cannot be, are noise. */
function isTwiceAsFast(found: RunsAtOnce): Judgment {
  const byBound = ratioOf(timesOf(found, "at once", ruled), timesOf(found, "one run", ruled));
  const { high = Infinity } = byBound;
  return high < 1 ? notQuiet : isAtLeast(speedupOf(found), leastSpeedup, controlShare);
}

/** The loads that were timed. */
const loadsOf = ({ times }: RunsAtOnce): Load[] => times.filter(({ kind }) => kind === "one run");

/** `1 x 16 tokens`. */
const loadText = ({ rows, tokens, all }: Load): string =>
  `${rows} x ${tokens} tokens${all ? ", all linear layers" : ""}`;

const isFaster = timedClaim<RunsAtOnce>({
  text:
    `${ruled.runs} runs at once are twice as fast as in a row, where a step has ${ruled.tokens} tokens`,
  rule: `when ${ruled.runs} runs of ${
    loadText(ruled)
  } a step take at least ${leastSpeedup} times as long in a row as at once`,
  more: ", or 8 at once take less than one run with the rows of all",
  control: "in a row again",
  share: controlShare,
  controls: (found) => [controlOf(found)],
  scale: true,
  corrected: clockMet,
  ours: (found) => `${speedupOf(found).ratio.toFixed(2)} times`,
  judge: isTwiceAsFast,
  found: (found) => {
    const loads = loadsOf(found).map((load) =>
      `${loadText(load)}: ${ratioText(speedupOf(found, load))} times as fast of ${
        boundOf(found, load).ratio.toFixed(2)
      } that one run with the rows of all would be`
    );
    return `${loads.join("; ")}.`;
  },
});

const isSame: Claim<RunsAtOnce> = {
  text: "A run at once is the run alone",
  rule:
    "when on cpu without BLAS no bit of A, B or a loss of 8 different runs differs after 10 steps, and on the job's " +
    `device losses and gradient norms of the first step differ by at most ${mostDifference} of themselves`,
  ours: ({ differences: [own, plain] }) =>
    `${own.difference.toExponential(0)}; ${plain.changed} other bits`,
  holds: ({ differences: [own, plain] }) =>
    own.difference <= mostDifference && plain.changed === 0 && plain.compared > 0,
  found: ({ differences: [own, plain] }) =>
    `${own.device}: the first step differs by ${
      own.difference.toExponential(1)
    }. ${plain.device}: ${plain.changed} of ` +
    `${plain.compared} values and losses have other bits.`,
};

/** The two of decision 0039. */
export const runsAtOnceClaims: readonly Claim<RunsAtOnce>[] = [isFaster, isSame];

async function measure(context: ExperimentContext): Promise<RunsAtOnce> {
  const { device, seeds: [seed], report } = context;
  report(0, "comparing runs");
  const own = await compareRuns(device, seed);
  using plain = await openCpuDevice({ blas: false });
  const differences = [own, await compareRuns(plain, seed)] as const;
  report(0.2, "timing trainings");
  return { times: await timeTrainings(context), differences };
}

async function timeTrainings(
  { device, seeds: [seed], quick, full, signal }: ExperimentContext,
): Promise<VariantTimes[]> {
  using base = await loadBase(device);
  using owner = new DisposableStack();
  const variants = full ? allVariants : ruledVariants;
  const work = variants.map((variant) => trainingOf(base, variant, seed, owner));
  const times = await timeInTurns(work, quick ? 1 : full ? 60 : 30, signal);
  return variants.map((variant, i) => ({ ...variant, ...times[i] }));
}

const isRuled = ({ rows, tokens, all }: VariantTimes): boolean =>
  rows === ruled.rows && tokens === ruled.tokens && all === ruled.all;

/** Time by number of runs. */
function timeFigure(found: RunsAtOnce): Figure {
  const line = (name: string, kind: VariantTimes["kind"]) => {
    const own = found.times.filter((one) => one.kind === kind && isRuled(one))
      .sort((a, b) => a.runs - b.runs);
    return {
      name,
      x: own.map(({ runs }) => runs),
      y: own.map(({ minimum }) => minimum / trainedSteps),
    };
  };
  return linesFigure(
    {
      id: "runs-at-once",
      title: "The time of a step of several runs over one base",
      caption: `LoRA of rank ${rank} on q and v of the small base, ${
        loadText(ruled)
      } a step and run. The least of the rounds.`,
      x: { title: "runs" },
      y: { title: "ms for a step of all" },
    },
    [line("in a row", "in a row"), line("at once", "at once")],
  );
}

/** Ratio of the speed to that in a row, for variants that have such a time. */
function timesAsFast(found: RunsAtOnce, one: VariantTimes): number | undefined {
  if (one.kind === "at once") return speedupOf(found, one, one.runs).ratio;
  return one.kind === "one run" ? boundOf(found, one).ratio : undefined;
}

const kindText = ({ kind }: VariantTimes): string =>
  kind === "one run" ? "one run with the rows of all" : kind;

/** K ranks, seeds or rates at once, against K runs in a row. */
export const runsAtOnce: Experiment = experiment<never, RunsAtOnce>({
  name: "runs-at-once",
  seconds: 20,
  title: "Runs at once over one base",
  question: "How much faster are several trainings over one frozen base at once than in a row?",
  source: "Hu et al. 2021, section 4.1 leaves it open",
  beyond: true,
  rows: (_, context) => measure(context),
  seeds: "{seed}",
  settings: (found) =>
    `Trainings of ${trainedSteps} steps of the small base, LoRA of rank ${rank}, from the first launch to the last loss ` +
    `read; ${found.times[0].rounds} rounds, all taking turns. Decision 0039 has the rules.`,
  claims: runsAtOnceClaims,
  tables: [(found) =>
    table<VariantTimes>({
      id: "runs-at-once",
      title: "The time of trainings",
      columns: [
        ["kind", "trained", "text", kindText],
        ["runs", "runs", "count"],
        ["load", "a step of a run", "text", loadText],
        ["minimum", "least (ms)", "time"],
        ["median", "median (ms)", "time"],
        ["times", "times as fast as in a row", "number", (row) => timesAsFast(found, row)],
      ],
      rows: found.times,
    })],
  figures: [timeFigure],
});
