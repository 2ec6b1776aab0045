/** The loss of a model on batches, without training. @module */

import { countLabels, crossEntropy } from "../autograd/ops/cross_entropy.ts";
import { Tape } from "../autograd/tape.ts";
import { assertBatch, type Batch } from "./batch.ts";
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
 * which no label counts are passed over.
 *
 * @throws {RangeError} when no label counts in any batch.
 */
export async function evaluate(
  model: TrainableModel,
  batches: Iterable<Batch> | AsyncIterable<Batch>,
): Promise<Evaluation> {
  let sum = 0, tokens = 0;
  for await (const batch of batches) {
    assertBatch(batch);
    const counted = countLabels(batch.targets.data);
    if (counted === 0) continue;
    sum += await meanLoss(model, batch) * counted;
    tokens += counted;
  }
  if (tokens === 0) throw new RangeError("evaluating needs a label that counts, found none");
  const loss = sum / tokens;
  return { loss, bitsPerToken: loss / Math.LN2, perplexity: Math.exp(loss), tokens };
}

async function meanLoss(model: TrainableModel, batch: Batch): Promise<number> {
  using tape = new Tape(model.device, { record: false });
  const logits = model.forward(tape, batch.inputs, batch);
  const loss = crossEntropy(tape, logits, batch.targets.data);
  model.device.submit();
  return (await model.device.read(loss))[0].data[0];
}
