/** LoRA and full fine-tuning that learn one planted shift side by side. @module */

import { leastLoss, reducedRank } from "../../src/analysis/mod.ts";
import { deltaWeight, type LoraAdapter, type LowRankFactors } from "../../src/adapt/mod.ts";
import { squaredError } from "../../src/autograd/mod.ts";
import type { HostTensor } from "../../src/core/host_tensor.ts";
import type { Device } from "../../src/device/mod.ts";
import {
  type DenseMatrix,
  denseOf,
  difference,
  multiplyTransposed,
  singularValues,
} from "../../src/linalg/mod.ts";
import type { Perceptron } from "../../src/models/perceptron.ts";
import { evaluate } from "../../src/train/evaluate.ts";
import { Trainer } from "../../src/train/trainer.ts";
import type { Settings } from "./settings.ts";
import { injectAt } from "./start.ts";
import { layer, makeTask, openBase, type Task } from "./task.ts";

/** A change of the weight. */
export interface Change {
  /** ΔW or D, (outputs, inputs). */
  readonly matrix: DenseMatrix;
  /** Its singular values, largest first. */
  readonly values: Float64Array;
}

/** Where a lesson is. */
export interface Reading {
  /** Steps so far. */
  readonly steps: number;
  /** W₀. */
  readonly base: DenseMatrix;
  /** D. */
  readonly shift: Change;
  /** A, B and s. */
  readonly factors: LowRankFactors;
  /** What LoRA and full fine-tuning have learned. */
  readonly lora: Change;
  readonly full: Change;
  /** Losses of every step before its update, per example. */
  readonly losses: { readonly lora: readonly number[]; readonly full: readonly number[] };
  /** The loss of the weights that both have after these steps, per example. */
  readonly loss: { readonly lora: number; readonly full: number };
  /** The loss of W₀, per example, and the least loss of any W₀ + B A of rank r. */
  readonly bounds: { readonly base: number; readonly best?: number };
}

/** As many losses as a trainer's ring remembers. */
const mostAtOnce = 32;

/** Opens a lesson; the same settings give the same numbers on every `cpu` device without BLAS. */
export async function openLesson(device: Device, settings: Settings): Promise<Lesson> {
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
interface LessonParts {
  readonly settings: Settings;
  readonly task: Task;
  /** W₀. */
  readonly base: HostTensor;
  /** The model with the adapter, and the one that is trained in full. */
  readonly student: Perceptron;
  readonly whole: Perceptron;
  readonly adapter: LoraAdapter;
  readonly trainers: Readonly<Record<"lora" | "full", Trainer<HostTensor>>>;
}

/** Two students of one teacher; see {@link openLesson}. */
export class Lesson implements Disposable {
  /** What it is made of. */
  readonly parts: LessonParts;
  readonly #owner: Disposable;
  readonly #losses: Record<"lora" | "full", number[]> = { lora: [], full: [] };
  readonly #fixed: Pick<Reading, "base" | "shift" | "bounds">;

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

  /** Trains both students. */
  async train(steps: number): Promise<void> {
    for (let left = steps; left > 0; left -= mostAtOnce) {
      const count = Math.min(left, mostAtOnce);
      await Promise.all([this.#run("lora", count), this.#run("full", count)]);
    }
  }

  /** Reads what both have learned. */
  async read(): Promise<Reading> {
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
      losses: this.#losses,
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

const changeOf = (matrix: DenseMatrix): Change => ({ matrix, values: singularValues(matrix) });
