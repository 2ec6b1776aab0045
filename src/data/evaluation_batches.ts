/** Texts as batches to measure a model on. @module */

import type { Batch } from "../core/batch.ts";
import { assertOptions } from "../core/options.ts";
import type { PromptFormat } from "../core/prompt_format.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { type BatchLimit, measuredGroups, mostTokens, type RowSizes } from "./row_groups.ts";
import { measuredSizesOf, packGroups, readingOf, type ReadModel, rowsOf } from "./text_reading.ts";
import { longNote } from "./text_rows.ts";
import type { Texts } from "./texts.ts";
import { checkBatchSize } from "./token_rows.ts";

/** How a model is measured on texts. */
export interface EvaluationBatchesOptions {
  /**
   * Rows in a batch. Default: as many as have, with padding, no more tokens than 8 of the longest, so that they
   * take no more memory.
   */
  readonly batch?: number;
  /** How prompts are written. Default: after the end of text, with a space before completions. */
  readonly format?: Partial<PromptFormat>;
}

/** Batches to measure a model on. */
export interface EvaluationBatches {
  /** They hold every text once, those of like length together, and those of one prompt. */
  readonly batches: readonly Batch[];
  /** What became of long texts, if there are any: sentences for a reader. */
  readonly notes: readonly string[];
}

/** Rows of the batches whose memory is enough, where nothing is said. */
const usualRows = 8;

/**
 * Makes batches of all texts, to measure a model on. The loss is that of any other batches of them, but for
 * rounding.
 *
 * @throws {RangeError} when no text fits the model, an option is out of range, or the model is an encoder and the
 * texts have no labels.
 * @throws {TypeError} when the tokenizer has no end-of-text token, the texts are none, or an option does not
 * exist.
 *
 * @example
 * ```ts
 * import { loadModel, loadTokenizer, openDevice } from "@lowrank/core";
 * import { evaluationBatches } from "@lowrank/core/data";
 * import { evaluate } from "@lowrank/core/train";
 *
 * using device = await openDevice();
 * using model = await loadModel(device, "models/tiny-gpt2");
 * const tokenizer = await loadTokenizer("models/tiny-gpt2");
 * const rows = ["The sea is blue.", "The hold is dry."];
 * const texts = { kind: "plain", rows, description: "two texts", digest: "" } as const;
 * const { batches } = evaluationBatches(model, tokenizer, texts);
 * console.log((await evaluate(model, batches)).loss);
 * ```
 */
export function evaluationBatches(
  model: ReadModel,
  tokenizer: Tokenizer,
  texts: Texts,
  options: EvaluationBatchesOptions = {},
): EvaluationBatches {
  assertOptions("evaluationBatches", options, { batch: true, format: true });
  const { fit, layout } = readingOf("evaluationBatches", model, tokenizer, texts, options.format);
  const { positions } = model, { batch } = options;
  if (batch !== undefined) checkBatchSize({ batch, length: positions });
  const fitted = fit(texts), rows = rowsOf(fitted), sizes = measuredSizesOf(texts, rows, layout);
  if (rows.length === 0) {
    throw new RangeError(`evaluating needs a text of at most ${positions} tokens, found none`);
  }
  const groups = measuredGroups(sizes, batch ? { rows: batch } : usualLimit(sizes));
  return { batches: packGroups(groups, rows, layout), notes: longNote(texts, fitted, positions) };
}

function usualLimit({ lengths, tokensOf }: RowSizes): BatchLimit {
  const sizes = { lengths, tokensOf };
  return { tokens: mostTokens(measuredGroups(sizes, { rows: usualRows }), sizes) };
}
