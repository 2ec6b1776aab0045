/** The loss of a model on batches, without training. @module */

import { Tape } from "../autograd/tape.ts";
import type { Batch } from "./batch.ts";
import { type Objective, type ObjectiveName, objectiveOf } from "./objective.ts";
import { StepRing } from "./step_ring.ts";
import type { TrainableModel } from "./trainer.ts";

/** How well a model predicts. */
export interface Evaluation {
  /** Mean loss over counted tokens, in nats. */
  readonly loss: number;
  /** The same in bits. */
  readonly bitsPerToken: number;
  /** exp(loss). */
  readonly perplexity: number;
  /** Tokens that counted. */
  readonly tokens: number;
}

/**
 * loss = Σ_batches Σ_counted -log p(target) / counted, without dropout and without gradients. Batches in
 * which no label counts are passed over. Of an objective with a teacher rows are counted, not tokens.
 *
 * @throws {RangeError} when no label counts in any batch.
 *
 * @example
 * ```ts
 * import { evaluate, initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * const inputs = { shape: [1, 3], data: Uint32Array.of(1, 2, 3) };
 * const targets = { shape: [1, 3], data: Int32Array.of(2, 3, -100) };
 * const { perplexity, tokens } = await evaluate(model, [{ inputs, targets }]);
 * console.log(perplexity, tokens); // about 8, 2
 * ```
 */
export async function evaluate(
  model: TrainableModel,
  batches: Iterable<Batch> | AsyncIterable<Batch>,
  objectiveName?: ObjectiveName,
): Promise<Evaluation> {
  const objective = objectiveOf(objectiveName);
  using ring = new StepRing(model.device);
  const counts: number[] = [];
  let sum = 0;
  const collect = async (pending: number) => {
    const numbers = await ring.read(pending);
    numbers.forEach(({ loss }, i) => sum += loss * counts[counts.length - pending + i]);
  };
  for await (const batch of batches) {
    objective.assertBatch(batch);
    const counted = objective.count(batch);
    if (counted === 0) continue;
    launchLoss(model, objective, batch, ring, counts.length);
    counts.push(counted);
    if (counts.length % StepRing.capacity === 0) await collect(StepRing.capacity);
  }
  await collect(counts.length % StepRing.capacity);
  return summarize(sum, counts.reduce((total, count) => total + count, 0));
}

function launchLoss(
  model: TrainableModel,
  objective: Objective,
  batch: Batch,
  ring: StepRing,
  index: number,
): void {
  using tape = new Tape(model.device, { record: false });
  const outputs = model.forward(tape, batch.inputs, batch), divisor = objective.count(batch);
  ring.addLoss(index, objective.loss(tape, outputs, batch, { divisor }), false);
  ring.finish(index);
  model.device.submit();
}

function summarize(sum: number, tokens: number): Evaluation {
  if (tokens === 0) throw new RangeError("evaluating needs a label that counts, found none");
  const loss = sum / tokens;
  return { loss, bitsPerToken: loss / Math.LN2, perplexity: Math.exp(loss), tokens };
}
