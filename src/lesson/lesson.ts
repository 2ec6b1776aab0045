/** LoRA and full fine-tuning that learn one planted shift side by side. @module */

import { leastLoss, reducedRank } from "../analysis/mod.ts";
import { deltaWeight, type LoraAdapter, type LowRankFactors } from "../adapt/mod.ts";
import { squaredError } from "../autograd/mod.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import type { Device } from "../device/mod.ts";
import {
  type DenseMatrix,
  denseOf,
  difference,
  multiplyTransposed,
  singularValues,
} from "../linalg/mod.ts";
import type { Perceptron } from "../models/perceptron.ts";
import { evaluate } from "../train/evaluate.ts";
import { Trainer } from "../train/trainer.ts";
import { assertCount } from "../train/trainer_options.ts";
import { type LessonSettings, lessonSettings } from "./settings.ts";
import { injectAt } from "./start.ts";
import { layer, type LessonTask, makeTask, openBase } from "./task.ts";

/** A change of the weight. */
export interface LessonChange {
  /** ΔW or D, (outputs, inputs). */
  readonly matrix: DenseMatrix;
  /** Its singular values, largest first. */
  readonly values: Float64Array;
}

/** Where a lesson is. */
export interface LessonReading {
  /** Steps so far. */
  readonly steps: number;
  /** W₀. */
  readonly base: DenseMatrix;
  /** D. */
  readonly shift: LessonChange;
  /** A, B and s. */
  readonly factors: LowRankFactors;
  /** What LoRA has learned. */
  readonly lora: LessonChange;
  /** What full fine-tuning has learned. */
  readonly full: LessonChange;
  /** Losses of every step before its update, per example. */
  readonly losses: { readonly lora: readonly number[]; readonly full: readonly number[] };
  /** The loss of the weights that both have after these steps, per example. */
  readonly loss: { readonly lora: number; readonly full: number };
  /** The loss of W₀, per example, and the least loss of any W₀ + B A of rank r. */
  readonly bounds: { readonly base: number; readonly best?: number };
}

/** As many losses as a trainer's ring remembers. */
const mostAtOnce = 32;

/**
 * Opens a lesson: D of a known rank is planted beside W₀, and two students learn it from inputs x with
 * (W₀ + D) x as targets: one trains A and B of y = W₀ x + s B A x, one the whole weight. The same settings
 * give the same numbers on every `cpu` device without BLAS.
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

/** What a lesson is made of. */
export interface LessonParts {
  /** What it was made from. */
  readonly settings: LessonSettings;
  /** Inputs, targets and D. */
  readonly task: LessonTask;
  /** W₀. */
  readonly base: HostTensor;
  /** The model with the adapter. */
  readonly student: Perceptron;
  /** The model that is trained in full. */
  readonly whole: Perceptron;
  /** What the student trains. */
  readonly adapter: LoraAdapter;
  /** Of both. */
  readonly trainers: Readonly<Record<"lora" | "full", Trainer<HostTensor>>>;
}

/** Two students of one teacher; see {@link openLesson}. */
export class Lesson implements Disposable {
  /** What it is made of. */
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

  /** Reads what both have learned. */
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

/** What does not change while a lesson runs. */
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
