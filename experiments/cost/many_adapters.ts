/** Cost of a batch whose rows have adapters of their own; decision 0038 has the rules and their reasons. @module */

import { injectUpdates } from "../../src/adapt/mod.ts";
import { Tape } from "../../src/autograd/mod.ts";
import { countChangedBits, largestDifference, largestOf } from "../../src/core/numbers.ts";
import type { HostData } from "../../src/core/tensor.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import type { Device } from "../../src/device/device.ts";
import { type Figure, linesFigure, table } from "../../src/figures/mod.ts";
import { type ModelInputs, outputsOf, type TextModel } from "../../src/models/mod.ts";
import { shareBase } from "../../src/runs/mod.ts";
import { loadBase } from "../base_model.ts";
import {
  allHold,
  type Claim,
  type Experiment,
  experiment,
  type ExperimentContext,
  isAtMost,
  ratioOf,
  ratioText,
  type TimeRatio,
} from "../frame/mod.ts";
import { clockMet, timedClaim, timeInTurns, type TurnTimes } from "../frame/turns.ts";
import {
  allVariants,
  batchRows,
  nameOf,
  openSet,
  openVariant,
  randomAdapter,
  randomBatch,
  ruledRank,
  ruledVariants,
  type Variant,
} from "./random_adapters.ts";

/** Differences of rows from those of single adapters. */
export interface RowDifferences {
  /** The device. */
  readonly device: string;
  /** Largest difference of a logit, of the largest logit. */
  readonly difference: number;
  /** Logits of rows with an adapter that have other bits. */
  readonly changed: number;
  /** Logits of rows of the base that have other bits. */
  readonly changedOfBase: number;
}

/** The rows that are compared by their adapters, the base's with none. */
const compared = { rows: [0, 1, 127], ofBase: [5, 77] } as const;

/** Runs the batch in which row i has adapter i, but for two rows of the base, and its rows one by one. */
export async function compareRows(
  device: Device,
  seed: number,
  length: number,
): Promise<RowDifferences> {
  using base = await loadBase(device);
  const inputs = randomBatch(base, length, seed);
  const mixed = await mixedOutputs(base, inputs, seed);
  const rowOf = (all: HostData, row: number) =>
    all.subarray(row * all.length / batchRows, (row + 1) * all.length / batchRows) as Float32Array;
  let [difference, changed, changedOfBase] = [0, 0, 0];
  for (const row of compared.rows) {
    const model = shareBase(base);
    using _ = injectUpdates(model, randomAdapter(base, ruledRank, seed, row));
    const pair = [mixed, (await outputsOf(model, inputs)).data].map((all) => rowOf(all, row));
    difference = Math.max(difference, largestDifference(pair[0], pair[1]) / largestOf(pair[1]));
    changed += countChangedBits(pair[0], pair[1]);
  }
  const plain = (await outputsOf(base, inputs)).data;
  for (const row of compared.ofBase) {
    changedOfBase += countChangedBits(rowOf(mixed, row), rowOf(plain, row));
  }
  return { device: device.description, difference, changed, changedOfBase };
}

async function mixedOutputs(base: TextModel, inputs: ModelInputs, seed: number): Promise<HostData> {
  const model = shareBase(base), { ofBase } = compared;
  using set = openSet(model, { adapters: batchRows, ranks: [ruledRank] }, seed);
  const isOfBase = (row: number) => ofBase.some((one) => one === row);
  set.use(Array.from({ length: batchRows }, (_, row) => isOfBase(row) ? undefined : nameOf(row)));
  return (await outputsOf(model, inputs)).data;
}

/** The times of a variant's passes. */
interface VariantTimes extends Variant, TurnTimes {}

/** Result of the experiment. */
export interface ManyAdapters {
  /** The passes that take turns. */
  readonly times: readonly VariantTimes[];
  /** Differences on the job's device, then on `cpu` without BLAS. */
  readonly differences: readonly [own: RowDifferences, plain: RowDifferences];
}

/** Largest ratio to the time of one adapter, by the number of adapters. */
const limits = { 32: 1.3, 128: 2 } as const;

/** Tolerances: the control's share, and the difference of rows from those of single adapters. */
const controlShare = 0.1, mostDifference = 1e-5;

/** The time of the same base, timed again, by its first. */
function controlOf({ times }: ManyAdapters): TimeRatio {
  const of = (kind: Variant["kind"]) => times.find((one) => one.kind === kind)!.each;
  return ratioOf(of("base again"), of("base"));
}

const isOf = ({ ranks }: Variant, rank: number): boolean => ranks.length === 1 && ranks[0] === rank;

/** Ratio of its time to that of the single adapter of the same rank; none for mixed ranks. */
function timesOfOne({ times }: ManyAdapters, variant: VariantTimes): TimeRatio | undefined {
  const single = times.find((one) =>
    one.kind === "single" && variant.ranks.length === 1 && isOf(one, variant.ranks[0])
  );
  return single && ratioOf(variant.each, single.each);
}

/** The sets of the rule's rank, from one adapter to all. */
const ruledSets = ({ times }: ManyAdapters): VariantTimes[] =>
  times.filter((one) => one.kind === "set" && isOf(one, ruledRank));

const ofCount = (found: ManyAdapters, count: number): TimeRatio =>
  timesOfOne(found, ruledSets(found).find(({ adapters }) => adapters === count)!)!;

const isCheap = timedClaim<ManyAdapters>({
  text: "A batch of 32 adapters takes hardly longer than one of a single adapter",
  rule:
    `when of rank ${ruledRank} on all linear layers a set of 32 takes at most ${
      limits[32]
    } times and ` +
    `one of 128 at most ${limits[128]} times as long as a single adapter`,
  control: "the base again",
  share: controlShare,
  controls: (found) => [controlOf(found)],
  scale: true,
  corrected: clockMet,
  ours: (found) =>
    `${ofCount(found, 32).ratio.toFixed(2)} and ${ofCount(found, 128).ratio.toFixed(2)} times`,
  judge: (found) =>
    allHold(
      ([32, 128] as const).map((count) =>
        isAtMost(ofCount(found, count), limits[count], controlShare)
      ),
    ),
  found: (found) => {
    const sets = ruledSets(found).map((one) =>
      `${one.adapters}: ${ratioText(timesOfOne(found, one)!)}`
    );
    return `By number of adapters ${sets.join(", ")}.`;
  },
});

const isSame: Claim<ManyAdapters> = {
  text: "Every row has the values of its adapter alone",
  rule:
    `when rows differ from those of the whole batch with their adapter alone by at most ${mostDifference} of the ` +
    "largest logit and rows of the base not in a bit, and on cpu without BLAS no row does",
  ours: ({ differences: [own, plain] }) =>
    `${own.difference.toExponential(0)}; ${plain.changed} other bits`,
  holds: ({ differences: [own, plain] }) =>
    own.difference <= mostDifference && own.changedOfBase === 0 && plain.changed === 0 &&
    plain.changedOfBase === 0,
  found: ({ differences }) =>
    differences.map(({ device, difference, changed, changedOfBase }) =>
      `${device}: largest difference ${
        difference.toExponential(1)
      }, ${changed} logits with other bits, ` +
      `${changedOfBase} of the base's rows`
    ).join(". ") + ".",
};

/** The two of decision 0038. */
export const manyAdaptersClaims: readonly Claim<ManyAdapters>[] = [isCheap, isSame];

/** Tokens of a row. */
const lengthOf = ({ quick }: ExperimentContext): number => quick ? 2 : 16;

async function measure(context: ExperimentContext): Promise<ManyAdapters> {
  const { device, seeds: [seed], report } = context, length = lengthOf(context);
  report(0, "comparing rows");
  const own = await compareRows(device, seed, length);
  using plain = await openCpuDevice({ blas: false });
  const differences = [own, await compareRows(plain, seed, length)] as const;
  report(0.2, "timing passes");
  return { times: await timePasses(context, length), differences };
}

async function timePasses(
  { device, seeds: [seed], quick, full, signal }: ExperimentContext,
  length: number,
): Promise<VariantTimes[]> {
  using base = await loadBase(device);
  using owner = new DisposableStack();
  const variants = full ? allVariants : ruledVariants;
  const models = variants.map((variant) => openVariant(base, variant, seed, owner));
  const inputs = randomBatch(base, length, seed);
  const work = models.map((model) => async () => {
    using tape = new Tape(device, { record: false });
    await device.read(model.forward(tape, inputs).view([1])); // Waits until all is computed.
  });
  const times = await timeInTurns(work, quick ? 1 : 25, signal);
  return variants.map((variant, i) => ({ ...variant, ...times[i] }));
}

const rankText = ({ ranks }: VariantTimes): string =>
  ranks.length > 1 ? `${ranks[0]} to ${ranks.at(-1)}` : ranks.join("");

const kinds = { single: "one adapter", set: "a set" } as const;

const kindText = ({ kind }: VariantTimes): string =>
  kind === "single" || kind === "set" ? kinds[kind] : kind;

/** Time by number of adapters. */
function timeFigure(found: ManyAdapters): Figure {
  const sets = ruledSets(found), x = sets.map(({ adapters }) => adapters);
  const flat = (name: string, kind: VariantTimes["kind"]) => {
    const { minimum } = found.times.find((one) => one.kind === kind)!;
    return { name, x, y: x.map(() => minimum), dashed: true };
  };
  return linesFigure(
    {
      id: "many-adapters",
      title: "The time of a pass whose rows have adapters of their own",
      caption:
        `${batchRows} rows, adapters of rank ${ruledRank} on all linear layers. The least of the rounds; dashed: one ` +
        "adapter for all rows, and the base.",
      x: { title: "adapters in the batch", log: true },
      y: { title: "ms" },
    },
    [
      { name: "a set", x, y: sets.map(({ minimum }) => minimum) },
      flat("one adapter", "single"),
      flat("the base", "base"),
    ],
  );
}

/** Overhead against the number of adapters and their rank. */
export const manyAdapters: Experiment = experiment<never, ManyAdapters>({
  name: "many-adapters",
  seconds: 15,
  title: "Many adapters in one batch",
  question:
    "What does a pass cost whose rows have adapters of their own, against one adapter for all?",
  source: "Hu et al. 2021, section 4.1 leaves it open; Punica, Chen et al. 2023",
  beyond: true,
  rows: (_, context) => measure(context),
  seeds: "{seed}",
  settings: (found, context) =>
    `Forward passes of the small base, ${batchRows} rows of ${
      lengthOf(context)
    } tokens, all logits; adapters of ` +
    `random values on all linear layers, which rows take in turn; ${
      found.times[0].rounds
    } rounds, all taking turns. ` +
    "Decision 0038 has the rules.",
  claims: manyAdaptersClaims,
  tables: [(found) =>
    table<VariantTimes>({
      id: "many-adapters",
      title: "The time of a pass",
      columns: [
        ["kind", "model", "text", kindText],
        ["adapters", "adapters", "count"],
        ["rank", "rank", "text", rankText],
        ["minimum", "least (ms)", "time"],
        ["median", "median (ms)", "time"],
        ["times", "times one of its rank", "number", (row) => timesOfOne(found, row)?.ratio],
      ],
      rows: found.times,
    })],
  figures: [timeFigure],
});
