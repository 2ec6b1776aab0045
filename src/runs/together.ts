/** Training several adapters of one base at once. @module */

import { assertTogether, JointAdapters } from "../adapt/many/joint.ts";
import type { LoraAdapter } from "../adapt/mod.ts";
import { copyTensor } from "../adapt/trained_modules.ts";
import {
  headLosses,
  type LossTerm,
  targetRows,
  type TwoParts,
  twoPartsOf,
} from "../autograd/loss.ts";
import { Tape } from "../autograd/mod.ts";
import type { Batch, ModelInputs } from "../core/batch.ts";
import { assertRecord } from "../core/checks.ts";
import { quote } from "../core/errors.ts";
import { type HostData, type HostTensor, hostTensor } from "../core/tensor.ts";
import type { TensorPair } from "../device/spans.ts";
import type {
  BatchSource,
  History,
  StepEvent,
  StepRecord,
  Trainer,
  Training,
  TrainOptions,
} from "../train/mod.ts";
import { trainBy } from "../train/train.ts";

/**
 * Properties that batches must share to be computed in one pass: the names of their inputs, all
 * extents but the first one, and whether padding may be left out. `undefined` where there are none,
 * which a model refuses, and for packed sequences.
 */
function formOf(
  batch: Batch | undefined,
  model: TwoParts<ModelInputs>,
): string | undefined {
  const inputs = batch?.inputs, parts = partsOf(inputs), rows = inputs?.tokens?.shape?.[0];
  const areWhole = parts.length > 0 && !inputs!.lengths && batch?.targets?.data &&
    parts.every(([, { shape, data }]) =>
      Array.isArray(shape) && shape.length === 2 && shape[0] === rows &&
      data?.length === shape[0] * shape[1]
    );
  if (!areWhole) return undefined;
  const isPadded = model.keepsPadding?.(inputs!, targetRows(model, batch!).rows);
  return parts.map(([name, { shape, data }]) => `${name} ${shape[1]} ${data.constructor.name}`)
    .sort().concat(isPadded ? "padded" : []).join();
}

/** The rows of all, in order; of one form. */
function joinInputs(all: readonly ModelInputs[]): ModelInputs {
  const joined = partsOf(all[0]).map(([name, { shape: [, width] }]) => {
    const tensors = all.map((inputs) => inputs[name]!), size = lengthOf(tensors);
    const Values = tensors[0].data.constructor as new (length: number) => HostData;
    const data = new Values(size);
    let at = 0;
    for (const tensor of tensors) {
      data.set(tensor.data as never, at);
      at += tensor.data.length;
    }
    return [name, hostTensor([size / width, width], data)] as const;
  });
  return Object.fromEntries(joined) as unknown as ModelInputs;
}

/** The targets of several batches, and the rows of a pass of all that they belong to, in order. */
export interface JointTargets {
  /** Those of each batch. */
  readonly targets: readonly HostTensor[];
  /** The rows, where the model picks rows. */
  readonly rows?: readonly number[];
  /** Number of the head's rows of each batch. */
  readonly counts: readonly number[];
}

/** The rows with a target of each batch as rows of a pass of all. */
function joinTargets(
  model: TwoParts<ModelInputs>,
  batches: readonly Batch[],
): JointTargets {
  const wanted = batches.map((batch) => targetRows(model, batch));
  const targets = wanted.map(({ targets }) => targets);
  if (!model.picksRows) {
    return { targets, counts: batches.map(({ inputs }) => inputs.tokens.shape[0]) };
  }
  let before = 0;
  const rows = batches.map(({ inputs: { tokens: { data: { length } } } }, at) => {
    const start = before;
    before += length;
    return Array.from(wanted[at].rows ?? Array(length).keys(), (row) => start + row);
  });
  return { targets, rows: rows.flat(), counts: rows.map(({ length }) => length) };
}

const lengthOf = (tensors: readonly HostTensor[]): number =>
  tensors.reduce((sum, { data }) => sum + data.length, 0);

/** The inputs that there are. */
function partsOf(inputs: ModelInputs | undefined): [TensorName, HostTensor][] {
  const all = Object.entries(inputs ?? {}) as [TensorName | "lengths", HostTensor | undefined][];
  return all.filter((entry): entry is [TensorName, HostTensor] =>
    entry[0] !== "lengths" && entry[1] !== undefined
  );
}

type TensorName = Exclude<keyof ModelInputs, "lengths">;

/** A run that is to take a step. */
export interface JointPart {
  /** Its adapter's place in the list. */
  readonly group: number;
  /** Its trainer, of its adapter's model. */
  readonly trainer: Trainer;
  /** The batches of its step. */
  readonly batches: readonly Batch[];
}

/** Result of a run's step, or its error. */
export type JointOutcome = { readonly record: StepRecord } | { readonly error: unknown };

/** A part whose targets are counted. */
interface CountedPart extends JointPart {
  readonly counted: number;
}

/**
 * Takes steps of several trainings at once: the base's forward and backward pass run once over the rows of all, and
 * each run has its own loss, gradients and optimizer. Runs whose batches have another form in a step, such as
 * sequences of another length, take it by themselves, with the same result.
 */
export class JointTrainer implements Disposable {
  readonly #joint: JointAdapters;
  readonly #gradients = new Map<Trainer, readonly TensorPair[]>();

  /** Adapters on models of one base; see {@link JointAdapters}. */
  constructor(adapters: readonly LoraAdapter[]) {
    this.#joint = new JointAdapters(adapters);
  }

  /** Takes a step of each; what goes wrong in one leaves the others alone. */
  step(parts: readonly JointPart[]): JointOutcome[] {
    const outcomes = new Map<JointPart, JointOutcome>();
    const model = twoPartsOf<ModelInputs>(this.#joint.model);
    for (const alike of Map.groupBy(parts, (part) => formOfStep(part, model)).values()) {
      const stepped = alike.length === 1 ? alike.map(alone) : this.#together(alike);
      alike.forEach((part, i) => outcomes.set(part, stepped[i]));
    }
    this.#joint.model.device.submit();
    return parts.map((part) => outcomes.get(part)!);
  }

  /** Frees what the adapters do not own. */
  [Symbol.dispose](): void {
    this.#joint[Symbol.dispose]();
  }

  /**
   * If a pass of all is refused, each tries by itself, and the one that is at fault is refused again. What else goes
   * wrong, such as a device that fails, is no run's fault and ends them all.
   */
  #together(parts: readonly JointPart[]): JointOutcome[] {
    try {
      const counted = parts.map((part) => ({
        ...part,
        counted: part.trainer.countTargets(part.batches),
      }));
      for (let index = 0; index < counted[0].batches.length; index++) this.#pass(counted, index);
      counted.forEach((part) => this.#give(part));
      return counted.map(({ trainer, batches, counted }) =>
        settled(() => trainer.update(batches, counted))
      );
    } catch (error) {
      const isRefusal = error instanceof RangeError || error instanceof TypeError;
      return isRefusal ? parts.map(alone) : parts.map(() => ({ error }));
    }
  }

  /** The gradients of one batch of each. */
  #pass(parts: readonly CountedPart[], index: number): void {
    const batches = parts.map(({ batches }) => batches[index]), { model } = this.#joint;
    const sequences = batches.map(({ inputs }) => inputs.tokens.shape[0]);
    const groups = parts.flatMap(({ group }, at) => new Array<number>(sequences[at]).fill(group));
    this.#joint.use(groups, index > 0 ? 1 : 0);
    const activationCheckpointing = parts.some(({ trainer }) =>
      trainer.options.activationCheckpointing
    );
    using tape = new Tape(model.device, { activationCheckpointing });
    const halves = twoPartsOf<ModelInputs>(model), wanted = joinTargets(halves, batches);
    const inputs = joinInputs(batches.map(({ inputs }) => inputs));
    const states = halves.states(tape, inputs, { rows: wanted.rows });
    let start = 0;
    const terms = parts.map(({ trainer: { loss }, counted: divisor }, at): LossTerm => {
      const range = { start, count: wanted.counts[at] };
      start += range.count;
      return { loss, divisor, range, targets: wanted.targets[at] };
    });
    const { total, values } = headLosses(tape, states, halves.head, terms);
    parts.forEach(({ trainer }, at) =>
      values[at].forEach((loss, block) => trainer.addLoss(loss, index > 0 || block > 0))
    );
    tape.backward(total);
  }

  /** Hands a run's gradients to its optimizer. */
  #give({ group, trainer }: JointPart): void {
    const { slots } = trainer.optimizer;
    const pairs = this.#gradients.get(trainer) ?? this.#joint.gradientPairs(group, slots);
    this.#gradients.set(trainer, pairs);
    for (const [from, to] of pairs) copyTensor(from, to);
    for (const { parameter } of slots) parameter.gradient!.filled = true;
  }
}

/** Steps of one form have as many batches, of one form each; one that has none is by itself. */
function formOfStep(part: JointPart, model: TwoParts<ModelInputs>): string | JointPart {
  const forms = part.batches.map((batch) => formOf(batch, model));
  return forms.includes(undefined) ? part : forms.join("; ");
}

const alone = ({ trainer, batches }: JointPart): JointOutcome =>
  settled(() => trainer.step(batches));

function settled(step: () => StepRecord): JointOutcome {
  try {
    return { record: step() };
  } catch (error) {
    return { error };
  }
}

/** A run that waits for its step. */
interface Waiting extends Pick<PromiseWithResolvers<StepRecord>, "resolve" | "reject"> {
  readonly part: JointPart;
}

/** Takes a step as soon as all runs that have not ended ask for one. */
class Meeting implements Disposable {
  readonly #adapters: readonly LoraAdapter[];
  readonly #present: Set<number>;
  readonly #waiting: Waiting[] = [];
  #joint: JointTrainer | undefined;

  /** Expects a run of each adapter, by their places in the list. */
  constructor(adapters: readonly LoraAdapter[]) {
    this.#adapters = adapters;
    this.#present = new Set(adapters.keys());
  }

  /** Allocates what steps need. */
  open(): this {
    this.#joint = new JointTrainer(this.#adapters);
    return this;
  }

  /** Takes a run's step once all others are here; fails when the meeting is not open. */
  async step(part: JointPart): Promise<StepRecord> {
    const { promise, resolve, reject } = Promise.withResolvers<StepRecord>();
    this.#waiting.push({ part, resolve, reject });
    this.#stepIfAllWait();
    return await promise;
  }

  /** A run has ended: the others no longer wait for it. */
  leave(group: number): void {
    this.#present.delete(group);
    this.#stepIfAllWait();
  }

  /** Frees what steps needed; runs that wait, or come later, fail. */
  [Symbol.dispose](): void {
    this.#joint?.[Symbol.dispose]();
    this.#joint = undefined;
    this.#stepIfAllWait();
  }

  #stepIfAllWait(): void {
    if (this.#joint && this.#waiting.length < this.#present.size) return;
    const all = this.#waiting.splice(0).sort((a, b) => a.part.group - b.part.group);
    if (all.length === 0) return;
    const outcomes = this.#outcomesOf(all.map(({ part }) => part));
    all.forEach(({ resolve, reject }, i) => {
      const outcome = outcomes[i];
      if ("record" in outcome) resolve(outcome.record);
      else reject(outcome.error);
    });
  }

  /** The same error for all runs after a failure of the joint pass, so that none waits for ever. */
  #outcomesOf(parts: readonly JointPart[]): readonly JointOutcome[] {
    try {
      if (this.#joint) return this.#joint.step(parts);
      throw new Error("a step needs trainings that have not ended");
    } catch (error) {
      return parts.map(() => ({ error }));
    }
  }
}

/** One of several runs: an adapter, its data, and the options of `train`. */
export interface RunTogether<Evaluation = unknown>
  extends Omit<TrainOptions<Evaluation, ModelInputs>, "onCompile"> {
  /** LoRA on a model of its own that shares the base of the others; see `shareBase`. */
  readonly adapter: LoraAdapter;
  /** Training batches. */
  readonly batches: BatchSource;
}

/** State of a run in training. */
export interface RunProgress<Evaluation = unknown> {
  /** The adapter in training. */
  readonly adapter: LoraAdapter;
  /** Its trained values in words, as of `train`. */
  readonly description: string;
  /** The numbers of its steps. */
  readonly history: History<Evaluation>;
  /** The error that ended it early: its loss is not finite, or its batches are wrong. */
  error?: unknown;
}

/** A step of one of the runs; those of one step come in any order. */
export interface TogetherEvent<Evaluation = unknown> extends StepEvent<Evaluation> {
  /** Index of the run in the list. */
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

/** Next result of a run, or its error. */
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
