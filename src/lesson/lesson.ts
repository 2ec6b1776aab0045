/**
 * Lessons: LoRA and full fine-tuning learn one planted shift side by side. A teacher W = W₀ + D,
 * inputs that may be stretched, and adapters that start in different ways.
 *
 * @module
 */

import { injectLora } from "../adapt/lora/inject.ts";
import { injectOlora, injectPissa } from "../adapt/lora/starts.ts";
import {
  deltaWeight,
  type LoraAdapter,
  type LowRankFactors,
  merge,
  unmerge,
} from "../adapt/mod.ts";
import { plantShift } from "../adapt/plant_shift.ts";
import { leastLoss, reducedRank } from "../analysis/mod.ts";
import { squaredError } from "../autograd/mod.ts";
import type { Parameter } from "../autograd/parameter.ts";
import type { Batch } from "../core/batch.ts";
import { assertOptions, type OptionNames } from "../core/checks.ts";
import { quote } from "../core/errors.ts";
import { countChangedBits, largestDifference, largestOf } from "../core/numbers.ts";
import { Random } from "../core/random.ts";
import type { HostTensor } from "../core/tensor.ts";
import type { Device } from "../device/mod.ts";
import {
  type DenseMatrix,
  denseOf,
  difference,
  gaussian,
  multiply,
  multiplyTransposed,
  orthonormalRows,
  singularValues,
} from "../linalg/mod.ts";
import { Perceptron } from "../models/families/perceptron.ts";
import { outputsOf } from "../models/outputs.ts";
import { evaluate } from "../train/evaluate.ts";
import { assertCount, Trainer } from "../train/trainer.ts";

// Settings.

/** The ways to begin. */
export const lessonStarts = [
  "kaiming",
  "gaussian",
  "turned",
  "random",
  "small",
  "zero",
  "pissa",
  "olora",
] as const;

/**
 * Start of A and B: `kaiming` and `gaussian` draw A and leave B zero; `turned` draws B and leaves A
 * zero; `random` draws both, `small` both within a twentieth of that; with `zero` both are zero;
 * `pissa` and `olora` take directions out of W₀.
 */
export type LessonStart = typeof lessonStarts[number];

/** All that a lesson depends on: the same settings give the same numbers, in a page and in Deno. */
export interface LessonSettings {
  /** Inputs and outputs: 2, a circle that becomes an ellipse, or 16. Default: 16. */
  readonly width: 2 | 16;
  /** Rank of D, what is to be learned, at most the width. Default: 4, or 1 of width 2. */
  readonly shiftRank: number;
  /** r, the rank of B A. Default: 4, or 1 of width 2. */
  readonly rank: number;
  /** α; the product is scaled by s = α / r. Default: r. */
  readonly alpha: number;
  /** η of AdamW, for LoRA and for full fine-tuning. Default: 0.02. */
  readonly learningRate: number;
  /** Start of A and B. Default: `kaiming`. */
  readonly start: LessonStart;
  /** The longest axis of the inputs over the shortest: 1 is round. Default: 1. */
  readonly spread: number;
  /** Seed of W₀, D, the inputs, A and B. Default: 8, whose ellipses are wide. */
  readonly seed: number;
}

const names: OptionNames<LessonSettings> = {
  ...{ width: true, shiftRank: true, rank: true, alpha: true },
  ...{ learningRate: true, start: true, spread: true, seed: true },
};

const ranks = { 2: { shiftRank: 1, rank: 1 }, 16: { shiftRank: 4, rank: 4 } } as const;

/**
 * The settings, with the default for each that is not given.
 *
 * @throws {TypeError} when a setting does not exist.
 * @throws {RangeError} when one has a value that it cannot have.
 */
export function lessonSettings(given: Partial<LessonSettings> = {}): LessonSettings {
  assertOptions("openLesson", given, names);
  const { width = 16 } = given, rest = { learningRate: 0.02, start: "kaiming", spread: 1, seed: 8 };
  assertOneOf("width", width, [2, 16]);
  const { rank = ranks[width].rank } = given;
  const settings = { width, ...ranks[width], ...rest, alpha: rank, ...given } as LessonSettings;
  assertOneOf("start", settings.start, lessonStarts);
  const upToWidth = Array.from({ length: width }, (_, i) => i + 1);
  for (const name of ["rank", "shiftRank"] as const) assertOneOf(name, settings[name], upToWidth);
  if (!(settings.spread >= 1 && Number.isFinite(settings.spread))) {
    throw new RangeError(`spread of a lesson must be at least 1, found ${quote(settings.spread)}`);
  }
  return settings;
}

function assertOneOf<T>(name: string, found: T, values: readonly T[]): void {
  if (values.includes(found)) return;
  throw new RangeError(`${name} of a lesson is one of ${values.join(", ")}, found ${quote(found)}`);
}

// The task.

/** The one layer of every model here. */
const layer = "layers.0";

/** Singular values of D are 1, 1/2, 1/4, … of the first; ‖D‖ = ‖W₀‖. */
const ratio = 0.5, share = 1;

/** Streams of the seed, apart from those of the weights. */
const taskStreams = { inputs: 11, axes: 12 };

/** Inputs with what the teacher makes of them, and D. */
export interface LessonTask {
  /** Every example, in one batch. */
  readonly batch: Batch<HostTensor>;
  /** D, (outputs, inputs). */
  readonly shift: DenseMatrix;
}

/** The model before training, y = W₀ x. */
const openBase = (device: Device, { width, seed }: LessonSettings): Perceptron =>
  Perceptron.init(device, { widths: [width, width], biases: false }, seed);

/** Plants D in a copy of the base, which answers for all inputs. */
async function makeTask(device: Device, settings: LessonSettings): Promise<LessonTask> {
  const { shiftRank: rank, seed } = settings;
  using teacher = openBase(device, settings);
  const shifts = await plantShift(teacher, { sites: [layer], rank, ratio, share, seed });
  const inputs = drawInputs(settings);
  const targets = await outputsOf(teacher, inputs);
  return { batch: { inputs, targets }, shift: shifts.get(layer)! };
}

/** Normal inputs of mean square 1, with axes in random directions from the longest to the shortest. */
function drawInputs({ width, spread, seed }: LessonSettings): HostTensor {
  const random = new Random(seed), examples = width === 2 ? 48 : 128;
  const lengths = Array.from({ length: width }, (_, i) => spread ** (-i / (width - 1)));
  const scale = Math.sqrt(width) / Math.hypot(...lengths);
  const white = gaussian(examples, width, random.split(taskStreams.inputs));
  const data = white.data.map((value, at) => scale * lengths[at % width] * value);
  const axes = orthonormalRows(width, width, random.split(taskStreams.axes));
  const turned = multiply({ ...white, data }, axes);
  return { shape: [examples, width], data: Float32Array.from(turned.data) };
}

// Starts of A and B.

/** Streams of the seed for what the library does not draw. */
const streams = { A: 21, B: 22 };

/** Bounds of the draws of A and B, where the library's own start is not taken. */
const drawn: Partial<Record<LessonStart, { A?: number; B?: number }>> = {
  turned: { A: 0, B: 1 },
  random: { B: 1 },
  small: { A: 0.05, B: 0.05 },
  zero: { A: 0 },
};

/** Puts LoRA on the only layer. */
async function injectAt(model: Perceptron, settings: LessonSettings): Promise<LoraAdapter> {
  const { rank, alpha, start, seed } = settings, options = { rank, alpha, targetModules: [layer] };
  if (start === "pissa") return await injectPissa(model, options);
  if (start === "olora") return await injectOlora(model, options);
  const init = start === "gaussian" ? start : "kaiming";
  const adapter = injectLora(model, { ...options, init, seed });
  const [{ A, B }] = adapter.sites, { A: ofA, B: ofB } = drawn[start] ?? {};
  const random = new Random(seed), within = 1 / Math.sqrt(settings.width);
  if (ofA !== undefined) fill(A, ofA * within, random.split(streams.A));
  if (ofB !== undefined) fill(B, ofB * within, random.split(streams.B));
  return adapter;
}

function fill({ tensor, size }: Parameter, within: number, random: Random): void {
  tensor.device.write(tensor, random.uniformWithin(within, size));
}

// The lesson.

/** A change of the weight. */
export interface LessonChange {
  /** ΔW or D, (outputs, inputs). */
  readonly matrix: DenseMatrix;
  /** Its singular values, largest first. */
  readonly values: Float64Array;
}

/** State of a lesson. */
export interface LessonReading {
  /** Steps so far. */
  readonly steps: number;
  /** W₀. */
  readonly base: DenseMatrix;
  /** D. */
  readonly shift: LessonChange;
  /** A, B and s. */
  readonly factors: LowRankFactors;
  /** Change that LoRA has learned. */
  readonly lora: LessonChange;
  /** Change that full fine-tuning has learned. */
  readonly full: LessonChange;
  /** Losses of every step before its update, per example. */
  readonly losses: { readonly lora: readonly number[]; readonly full: readonly number[] };
  /** The loss of the weights that both have after these steps, per example. */
  readonly loss: { readonly lora: number; readonly full: number };
  /** The loss of W₀, per example, and the least loss of any W₀ + B A of rank r. */
  readonly bounds: { readonly base: number; readonly best?: number };
}

/** Most steps at once: as many losses as a trainer's ring remembers. */
const mostAtOnce = 32;

/**
 * Opens a lesson: D of a known rank is planted beside W₀, and two students learn it from inputs x with
 * (W₀ + D) x as targets: one trains A and B of y = W₀ x + s B A x, one the whole weight. The same settings
 * give the same numbers on every `cpu` device without BLAS, in one engine.
 *
 * @throws {TypeError} when a setting does not exist.
 * @throws {RangeError} when a setting has a value that it cannot have.
 *
 * @example
 * ```ts
 * import { openDevice } from "@lowrank/core";
 * import { openLesson } from "@lowrank/core/lesson";
 *
 * using device = await openDevice({ kind: "reference" });
 * using lesson = await openLesson(device, { width: 2, rank: 1 });
 * await lesson.train(100);
 * const { lora, shift } = await lesson.read();
 * console.log(lora.values[0] / shift.values[0] > 0.9); // true
 * ```
 */
export async function openLesson(
  device: Device,
  given: Partial<LessonSettings> = {},
): Promise<Lesson> {
  const settings = lessonSettings(given);
  using unfinished = new DisposableStack();
  const task = await makeTask(device, settings);
  const [student, whole] = [0, 1].map(() => unfinished.use(openBase(device, settings)));
  const [base] = await device.read(student.parameters.get(`${layer}.weight`)!.own);
  const adapter = unfinished.use(await injectAt(student, settings));
  const options = { learningRate: settings.learningRate, steps: 2 ** 31, loss: squaredError };
  const groups = [{ parameters: adapter.parameters }];
  const trainers = {
    lora: unfinished.use(new Trainer(student, { ...options, groups })),
    full: unfinished.use(new Trainer(whole, options)),
  };
  return new Lesson({ settings, task, base, student, whole, adapter, trainers }, unfinished.move());
}

/** Parts of a lesson. */
export interface LessonParts {
  /** Settings from which it was made. */
  readonly settings: LessonSettings;
  /** Inputs, targets and D. */
  readonly task: LessonTask;
  /** W₀. */
  readonly base: HostTensor;
  /** The model with the adapter. */
  readonly student: Perceptron;
  /** The model that is trained in full. */
  readonly whole: Perceptron;
  /** The student's adapter, which is trained. */
  readonly adapter: LoraAdapter;
  /** Trainers of both models. */
  readonly trainers: Readonly<Record<"lora" | "full", Trainer<HostTensor>>>;
}

/** Two students of one teacher; see {@link openLesson}. */
export class Lesson implements Disposable {
  /** The parts of the lesson. */
  readonly parts: LessonParts;
  readonly #owner: Disposable;
  readonly #losses: Record<"lora" | "full", number[]> = { lora: [], full: [] };
  readonly #fixed: Pick<LessonReading, "base" | "shift" | "bounds">;

  /** Takes the parts, and what owns them. */
  constructor(parts: LessonParts, owner: Disposable) {
    this.parts = parts;
    this.#owner = owner;
    this.#fixed = fixedOf(parts);
  }

  /** Steps so far. */
  get steps(): number {
    return this.parts.trainers.lora.steps;
  }

  /**
   * Trains both students.
   *
   * @throws {RangeError} when the number of steps is negative or not whole.
   */
  async train(steps: number): Promise<void> {
    assertCount("the steps of a lesson", steps, 0);
    for (let left = steps; left > 0; left -= mostAtOnce) {
      const count = Math.min(left, mostAtOnce);
      await Promise.all([this.#run("lora", count), this.#run("full", count)]);
    }
  }

  /** Reads the present state of both. */
  async read(): Promise<LessonReading> {
    const { adapter, student, whole } = this.parts, { base } = this.#fixed;
    const [[update], [trained], lora, full] = await Promise.all([
      adapter.read(),
      whole.device.read(whole.linears[0].weight.dense()),
      this.#lossOf(student),
      this.#lossOf(whole),
    ]);
    return {
      ...this.#fixed,
      steps: this.steps,
      losses: { lora: [...this.#losses.lora], full: [...this.#losses.full] },
      loss: { lora, full },
      factors: update,
      lora: changeOf(denseOf(deltaWeight(update))),
      full: changeOf(difference(denseOf(trained), base)),
    };
  }

  /** Frees all. */
  [Symbol.dispose](): void {
    this.#owner[Symbol.dispose]();
  }

  async #lossOf(model: Perceptron): Promise<number> {
    return (await evaluate(model, [this.parts.task.batch], { loss: squaredError })).loss;
  }

  async #run(name: "lora" | "full", count: number): Promise<void> {
    const trainer = this.parts.trainers[name], { batch } = this.parts.task;
    for (let step = 0; step < count; step++) trainer.step([batch]);
    const numbers = await trainer.ring.read(count);
    this.#losses[name].push(...numbers.map(({ loss }) => loss));
  }
}

/** The fields of a reading that do not change while a lesson runs. */
function fixedOf({ settings, task, base }: LessonParts) {
  const { inputs, targets } = task.batch, W = denseOf(base);
  const outputs = multiplyTransposed(denseOf(inputs), W);
  const residuals = difference(denseOf(targets), outputs);
  const regression = reducedRank(inputs, { shape: targets.shape, data: residuals.data });
  const isPlain = settings.start !== "pissa" && settings.start !== "olora"; // These take directions out of W₀.
  const best = isPlain ? Math.max(0, leastLoss(regression, settings.rank)) : undefined;
  return {
    base: W,
    shift: changeOf(task.shift),
    bounds: { base: leastLoss(regression, 0), best },
  };
}

const changeOf = (matrix: DenseMatrix): LessonChange => ({
  matrix,
  values: singularValues(matrix),
});

/** A lesson's student as one matrix. */
export interface MergedLesson {
  /** W₀ + s B A, in F32. */
  readonly matrix: DenseMatrix;
  /** Largest |output| with B A beside W₀, for the lesson's inputs. */
  readonly largest: number;
  /** Largest difference of the merged model's outputs to these. */
  readonly difference: number;
  /** Frees the merged matrix. */
  unmerge(): Promise<UnmergedLesson>;
}

/** The weights after unmerging, compared with those before. */
export interface UnmergedLesson {
  /** Number of weights. */
  readonly weights: number;
  /** Weights whose bits are not those of W₀. */
  readonly changed: number;
  /** The same count if s B A were subtracted from the merged matrix in F32. */
  readonly subtracted: number;
}

/**
 * Merges the student's adapter into a copy of its weight.
 *
 * @example
 * ```ts
 * import { openDevice } from "@lowrank/core";
 * import { mergeLesson, openLesson } from "@lowrank/core/lesson";
 *
 * using device = await openDevice({ kind: "reference" });
 * using lesson = await openLesson(device, { width: 2 });
 * await lesson.train(10);
 * const { changed } = await (await mergeLesson(lesson)).unmerge();
 * console.log(changed); // 0
 * ```
 */
export async function mergeLesson({ parts }: Lesson): Promise<MergedLesson> {
  const { student, adapter, base, task: { batch: { inputs } } } = parts;
  const weightOf = async (model: typeof student) =>
    (await model.device.read(model.linears[0].weight.dense()))[0];
  const apart = await outputsOf(student, inputs), [update] = await adapter.read();
  const merged = merge(student, adapter), together = await outputsOf(merged, inputs);
  const sum = await weightOf(merged), delta = deltaWeight(update);
  return {
    matrix: denseOf(sum),
    largest: largestOf(apart.data),
    difference: largestDifference(apart.data, together.data),
    unmerge: async () => {
      const after = await weightOf(unmerge(merged)), before = base.data as Float32Array;
      const back = Float32Array.from(sum.data, (value, i) => value - delta.data[i]);
      return {
        weights: before.length,
        changed: countChangedBits(before, after.data as Float32Array),
        subtracted: countChangedBits(before, back),
      };
    },
  };
}
