/**
 * The loss of a model on batches, without training; a check that training has left finite numbers;
 * and pauses that let timers and signals run.
 *
 * @module
 */

import { type Loss, lossOfBatch } from "../autograd/loss.ts";
import { crossEntropy } from "../autograd/ops/losses.ts";
import { Tape } from "../autograd/tape.ts";
import { type Batch, countTargets, type ModelInputs } from "../core/batch.ts";
import { assertOptions } from "../core/checks.ts";
import { quote } from "../core/errors.ts";
import { nonFiniteAt } from "../core/tensor.ts";
import { assertBatch } from "./batch.ts";
import { StepRing, type TrainableModel, type Trainer } from "./trainer.ts";

// The loss.

/** A model's loss on batches. */
export interface Evaluation {
  /** Mean loss over the targets, in nats for a cross-entropy. */
  readonly loss: number;
  /** The loss in bits. */
  readonly bitsPerToken: number;
  /** exp(loss). */
  readonly perplexity: number;
  /** Number of labels that are not ignored, or of rows of float targets. */
  readonly counted: number;
}

/**
 * The mean loss over the targets of all batches, without dropout and gradients. Batches in which all
 * labels are ignored are skipped.
 *
 * @throws {TypeError} when there is no model or no list of batches, or an option does not exist.
 * @throws {RangeError} when all labels of all batches are ignored.
 *
 * @example
 * ```ts
 * import { evaluate, initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * const tokens = { shape: [1, 3], data: Uint32Array.of(1, 2, 3) };
 * const targets = { shape: [1, 3], data: Int32Array.of(2, 3, -100) };
 * const { perplexity, counted } = await evaluate(model, [{ inputs: { tokens }, targets }]);
 * console.log(perplexity, counted); // about 8, 2
 * ```
 */
export async function evaluate<Inputs = ModelInputs>(
  model: TrainableModel<Inputs>,
  batches: Iterable<Batch<Inputs>> | AsyncIterable<Batch<Inputs>>,
  options: { readonly loss?: Loss } = {},
): Promise<Evaluation> {
  assertWhole(model, batches);
  assertOptions("evaluate", options, { loss: true });
  const { loss = crossEntropy } = options;
  using ring = new StepRing(model.device);
  const counts: number[] = [];
  let sum = 0;
  const collect = async (pending: number) => {
    const numbers = await ring.read(pending);
    numbers.forEach(({ loss }, i) => sum += loss * counts[counts.length - pending + i]);
  };
  for await (const batch of batches) {
    await otherWork();
    assertBatch(batch);
    const divisor = countTargets(batch.targets);
    if (divisor === 0) continue;
    {
      using tape = new Tape(model.device, { record: false });
      ring.addLoss(counts.length, lossOfBatch(tape, model, batch, { loss, divisor }), false);
    }
    ring.finish(counts.length);
    model.device.submit();
    counts.push(divisor);
    if (counts.length % StepRing.capacity === 0) await collect(StepRing.capacity);
  }
  await collect(counts.length % StepRing.capacity);
  return summarize(sum, counts.reduce((total, count) => total + count, 0));
}

/** Callers without types may leave out the model or the batches. */
function assertWhole(model: TrainableModel<never>, batches: unknown): void {
  if (typeof model?.forward !== "function") {
    throw new TypeError(`evaluate needs a model, found ${quote(model)}`);
  }
  const isList = typeof batches === "object" && batches !== null &&
    (Symbol.iterator in batches || Symbol.asyncIterator in batches);
  if (!isList) throw new TypeError(`evaluate needs a list of batches, found ${quote(batches)}`);
}

function summarize(sum: number, counted: number): Evaluation {
  if (counted === 0) {
    throw new RangeError("evaluating needs a label that is not ignored, found none");
  }
  const loss = sum / counted;
  return { loss, bitsPerToken: loss / Math.LN2, perplexity: Math.exp(loss), counted };
}

// Finite results.

/**
 * Checks what the last update has made, as the losses of steps are those before their updates: every
 * trained value must be finite, and so must the loss of the latest step's batches. Costs one read of the
 * trained parameters, and one forward pass for each of those batches.
 *
 * @throws {RangeError} when a value or the loss is not finite.
 */
export async function assertFiniteResult<Inputs>(trainer: Trainer<Inputs>): Promise<void> {
  const { model, latest, steps, options: { loss } } = trainer;
  const fail = (what: string, found: number) => {
    throw new RangeError(`training needs a finite ${what}, found ${found} after step ${steps}`);
  };
  const trained = model.trainable();
  const values = await model.device.read(...trained.map(({ tensor }) => tensor));
  for (const [i, { data }] of values.entries()) {
    const at = nonFiniteAt(data);
    if (at >= 0) fail(trained[i].name, data[at]);
  }
  if (latest.length === 0) return;
  const { loss: found } = await evaluate(model, latest, { loss });
  if (!Number.isFinite(found)) fail("loss", found);
}

/** True if a training ended because a loss, a gradient or a trained value was not finite. */
export const isDiverged = (error: unknown): error is RangeError =>
  error instanceof RangeError && error.message.startsWith("training needs a finite ");

// Pauses.

/** Schedules a task for the next turn of the event loop; browsers only have timers. */
const soon: (task: () => void) => void = globalThis.setImmediate ?? setTimeout;

/** Least time from one sleep to the next. */
const sleepEveryMs = 250;

let sleptAt = -Infinity;

/**
 * Lets timers run, in 6 µs: on the CPU a step is synchronous, and awaiting promises alone never lets
 * them run. Deno handles signals, such as a Stop button's, when it sleeps, and otherwise only at every
 * 61st turn, which takes twenty steps. So this sometimes sleeps, for 1 ms.
 */
export function otherWork(): Promise<void> {
  const now = performance.now();
  if (now - sleptAt < sleepEveryMs) return new Promise((resolve) => soon(resolve));
  sleptAt = now;
  return new Promise((resolve) => setTimeout(resolve));
}
