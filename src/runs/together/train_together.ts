/** Training several adapters of one base at once. @module */

import { assertTogether } from "../../adapt/many/joinable.ts";
import type { LoraAdapter } from "../../adapt/mod.ts";
import type { ModelInputs } from "../../core/batch.ts";
import { assertRecord } from "../../core/json.ts";
import { quote } from "../../core/quote.ts";
import type { BatchSource, History, StepEvent, Training, TrainOptions } from "../../train/mod.ts";
import { trainBy } from "../../train/train.ts";
import { Meeting } from "./meeting.ts";

/** One of several runs: an adapter, its data, and the options of `train`. */
export interface RunTogether<Evaluation = unknown>
  extends Omit<TrainOptions<Evaluation, ModelInputs>, "onCompile"> {
  /** LoRA on a model of its own that shares the base of the others; see `shareBase`. */
  readonly adapter: LoraAdapter;
  /** What it is trained on. */
  readonly batches: BatchSource;
}

/** What a run has come to so far. */
export interface RunProgress<Evaluation = unknown> {
  /** What is trained. */
  readonly adapter: LoraAdapter;
  /** How many values these are: as of `train`. */
  readonly description: string;
  /** The numbers of its steps. */
  readonly history: History<Evaluation>;
  /** What ended it before its time: its loss is not finite, or its batches are wrong. */
  error?: unknown;
}

/** A step of one of the runs; those of one step come in any order. */
export interface TogetherEvent<Evaluation = unknown> extends StepEvent<Evaluation> {
  /** Which run, by its place in the list. */
  readonly run: number;
}

/**
 * Trainings that run as their events are asked for: in a `for await` loop, or to their ends by
 * {@link TrainingsTogether.finish}. They run once.
 */
export class TrainingsTogether<Evaluation = unknown>
  implements AsyncIterable<TogetherEvent<Evaluation>> {
  /** The runs in the order of the list. */
  readonly runs: readonly RunProgress<Evaluation>[];
  readonly #events: AsyncGenerator<TogetherEvent<Evaluation>, void>;

  /** Takes runs and their events; see {@link trainTogether}. */
  constructor(
    runs: readonly RunProgress<Evaluation>[],
    events: AsyncGenerator<TogetherEvent<Evaluation>, void>,
  ) {
    this.runs = runs;
    this.#events = events;
  }

  /** The events that are left; leaving the loop ends all trainings. */
  [Symbol.asyncIterator](): AsyncGenerator<TogetherEvent<Evaluation>, void> {
    return this.#events;
  }

  /**
   * Runs to the ends.
   *
   * @throws {Error} when every run has failed: the error of the first.
   */
  async finish(): Promise<readonly RunProgress<Evaluation>[]> {
    for await (const _ of this);
    return this.runs;
  }
}

/**
 * Trains several LoRA adapters of one frozen base at once: other ranks, seeds, sites, learning rates or data. Each run
 * is what `train` makes of it alone, its validation, patience and end included, and on `cpu` without BLAS it has the same
 * bits where each of its batches has more than 4 labels. A run that fails keeps its error and leaves the others alone.
 *
 * The base's passes run over the rows of all runs, whose low-rank parts take six launches for each layer. That is faster
 * where a step of one run does not fill the device: on two cores with OpenBLAS 1.6 to 2.3 times with 16 tokens a step,
 * hardly with 500 (decision 0039). Batches of one length are computed together, others in turn. Cost: beside that of
 * the runs, 8 bytes for each trained value, and the activations of all runs at once.
 *
 * @throws {TypeError} when there is no list, a run is no object, an option does not exist, or there is no number of
 * steps and no list of batches.
 * @throws {RangeError} when there are no runs, an adapter is there twice, its model has others or another base, or it
 * trains more than A and B of linear layers; when a model has dropout, or runs share a generator; when an option is
 * out of range. While it runs: when every run has failed.
 * @throws {DeviceError} when the device cannot hold all of them.
 *
 * @example Learning rates
 * ```ts
 * import { initGpt2, injectLora, openDevice, parseGpt2Config } from "@lowrank/core";
 * import { shareBase, trainTogether } from "@lowrank/core/runs";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * const tokens = { shape: [1, 5], data: Uint32Array.of(1, 2, 3, 4, 5) };
 * const batches = [{ inputs: { tokens }, targets: { shape: [1, 5], data: Int32Array.of(2, 3, 4, 5, 6) } }];
 * const rates = [1e-3, 1e-2];
 * const runs = await trainTogether(rates.map((learningRate) => {
 *   const adapter = injectLora(shareBase(model), { rank: 2, seed: 1 });
 *   return { adapter, batches, learningRate, steps: 3 };
 * })).finish();
 * runs.forEach(({ adapter, history }, i) => {
 *   console.log(rates[i], history.loss);
 *   adapter[Symbol.dispose]();
 * });
 * ```
 */
export function trainTogether<Evaluation = unknown>(
  runs: readonly RunTogether<Evaluation>[],
): TrainingsTogether<Evaluation> {
  if (!Array.isArray(runs)) {
    throw new TypeError(`training together needs a list of runs, found ${quote(runs)}`);
  }
  for (const run of runs) assertRecord("a run of training together", run);
  const adapters = runs.map(({ adapter }) => adapter);
  assertTogether(adapters);
  assertOwnIterators(runs);
  const meeting = new Meeting(adapters);
  const trainings = runs.map((run, group) => trainingOf<Evaluation>(run, group, meeting));
  const progress = trainings.map(({ description, history }, i): RunProgress<Evaluation> => ({
    adapter: adapters[i],
    description,
    history,
  }));
  return new TrainingsTogether(progress, eventsOf(meeting, trainings, progress));
}

/** Throws where runs would divide the batches of one iterator, such as a generator, among themselves. */
function assertOwnIterators(runs: readonly Pick<RunTogether, "batches">[]): void {
  const sources = runs.map(({ batches }) => batches);
  const at = sources.findIndex((one, i) => sources.indexOf(one) < i && isIterator(one));
  if (at < 0) return;
  throw new RangeError(
    `training together needs batches for each run, found an iterator of another run at place ${
      at + 1
    }: ` +
      "pass a list, or make an iterator for each",
  );
}

/** True of what can be read once: it is its own iterator. */
function isIterator(source: BatchSource): boolean {
  const { [Symbol.iterator]: iterate, [Symbol.asyncIterator]: iterateLater } = Object(source);
  return (iterate ?? iterateLater)?.call(source) === source;
}

/** A training that takes its steps with the others. */
const trainingOf = <Evaluation>(
  { adapter, batches, ...options }: RunTogether<Evaluation>,
  group: number,
  meeting: Meeting,
): Training<Evaluation> =>
  trainBy<ModelInputs, Evaluation>(
    {
      takeStep: (trainer, batches) => meeting.step({ group, trainer, batches }),
      end: () => meeting.leave(group),
    },
    adapter,
    batches,
    options,
  );

/** Events to the end of all runs, or of the loop that reads them. */
async function* eventsOf<Evaluation>(
  meeting: Meeting,
  trainings: readonly Training<Evaluation>[],
  progress: readonly RunProgress<Evaluation>[],
): AsyncGenerator<TogetherEvent<Evaluation>, void> {
  const sources = trainings.map((training) => training[Symbol.asyncIterator]());
  try {
    using _ = meeting.open();
    yield* merged(sources, progress);
  } finally {
    await Promise.allSettled(sources.map((source) => source.return()));
  }
  if (progress.every(({ error }) => error !== undefined)) throw progress[0].error;
}

/** What a run's source says next. */
interface Next<E> {
  readonly run: number;
  readonly result?: IteratorResult<StepEvent<E>, void>;
  readonly error?: unknown;
}

/** Events of all runs as they come. All are asked at any time, since each waits for the others' steps. */
async function* merged<E>(
  sources: readonly AsyncGenerator<StepEvent<E>, void>[],
  progress: readonly RunProgress<E>[],
): AsyncGenerator<TogetherEvent<E>, void> {
  const ask = (run: number): Promise<Next<E>> =>
    sources[run].next().then((result) => ({ run, result }), (error) => ({ run, error }));
  const asked = new Map(sources.map((_, run) => [run, ask(run)]));
  while (asked.size > 0) {
    const { run, result, error } = await Promise.race(asked.values());
    if (result && !result.done) {
      yield { run, ...result.value };
      asked.set(run, ask(run));
      continue;
    }
    asked.delete(run);
    if (!result) progress[run].error = error;
  }
}
