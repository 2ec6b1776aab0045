/** The token after a prompt: its probabilities under the base and under the student. @module */

import { promptTokens } from "../../src/models/generate/generate.ts";
import type { TextModel } from "../../src/models/mod.ts";
import { outputsOf } from "../../src/models/outputs.ts";
import type { Tokenizer } from "../../src/tokenizer/mod.ts";

/** A token that may come next, with its two probabilities. */
export interface NextToken {
  readonly text: string;
  readonly base: number;
  readonly student: number;
}

/** Most likely tokens that are taken of each model. */
const taken = 3;

/** The probability of every token to come next. */
export async function nextProbabilities(
  model: TextModel,
  tokenizer: Tokenizer,
  prompt: string,
): Promise<Float64Array> {
  const tokens = Uint32Array.from(promptTokens(model, tokenizer, prompt));
  const { shape: [rows, width], data } = await outputsOf(model, {
    tokens: { shape: [1, tokens.length], data: tokens },
  });
  const logits = Float64Array.from(data.subarray((rows - 1) * width, rows * width));
  const most = Math.max(...logits), shares = logits.map((logit) => Math.exp(logit - most));
  const sum = shares.reduce((sum, share) => sum + share, 0);
  return shares.map((share) => share / sum);
}

/** The base's most likely tokens, and then those of the student that are not among them. */
export function mostLikely(
  tokenizer: Tokenizer,
  base: Float64Array,
  student: Float64Array,
): NextToken[] {
  const ids = new Set([...firstOf(base), ...firstOf(student)]);
  return [...ids].map((id) => ({
    text: tokenizer.decode([id]),
    base: base[id],
    student: student[id],
  }));
}

const firstOf = (probabilities: Float64Array): number[] =>
  [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a]).slice(0, taken);
