/** The loss of a model on batches, without training. @module */

import { lossOfBatch } from "../autograd/head_loss.ts";
import type { Loss } from "../autograd/loss.ts";
import { crossEntropy } from "../autograd/ops/cross_entropy.ts";
import { Tape } from "../autograd/tape.ts";
import { type Batch, countTargets, type ModelInputs } from "../core/batch.ts";
import { assertOptions } from "../core/options.ts";
import { quote } from "../core/quote.ts";
import { assertBatch } from "./batch.ts";
import { otherWork } from "./other_work.ts";
import { StepRing } from "./step_ring.ts";
import type { TrainableModel } from "./trainable_model.ts";

/** How well a model predicts. */
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
