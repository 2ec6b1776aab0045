/**
 * Scores predictions of masked tokens, on held-out entries with masks that are always the same.
 *
 * @module
 */

import type { Batch } from "../../src/core/batch.ts";
import { IGNORED, maskedBatches } from "../../src/data/mod.ts";
import { accuracyOf, outputsOf, type TextModel } from "../../src/models/mod.ts";
import type { Tokenizer } from "../../src/tokenizer/mod.ts";
import { evaluate } from "../../src/train/mod.ts";
import { entryRows, maskingOf } from "./entries.ts";

/**
 * Score over the tokens that the mask hides: places where the model sees a token would favor it
 * over counts.
 */
export interface MaskedScore {
  /** −ln p per hidden token. */
  readonly nats: number;
  /** The share of them that is said first. */
  readonly accuracy: number;
  /** Number of hidden tokens. */
  readonly tokens: number;
}

/** The held-out entries once, masked by seed 0; targets are those of hidden tokens alone. */
export async function heldOutBatches(tokenizer: Tokenizer): Promise<Batch[]> {
  const rows = await entryRows(tokenizer, "validation"), batch = 64, masking = maskingOf(tokenizer);
  const batches = maskedBatches(rows, { ...masking, batch, seed: 0 });
  return Array.from({ length: Math.ceil(rows.length / batch) }, (_, index) => {
    const { inputs, targets: { shape, data } } = batches(index), { tokens } = inputs;
    const hidden = data.map((token, at) => tokens.data[at] === masking.mask ? token : IGNORED);
    return { inputs, targets: { shape, data: Int32Array.from(hidden) } };
  });
}

/** Scores a model. */
export async function maskedScore(model: TextModel, tokenizer: Tokenizer): Promise<MaskedScore> {
  const batches = await heldOutBatches(tokenizer);
  const { loss: nats, counted: tokens } = await evaluate(model, batches);
  let right = 0;
  for (const { inputs, targets: { data } } of batches) {
    const rows = [...data.keys()].filter((at) => data[at] >= 0),
      hidden = rows.map((at) => data[at]);
    right += rows.length * accuracyOf(await outputsOf(model, inputs, { rows }), hidden);
  }
  return { nats, accuracy: right / tokens, tokens };
}
