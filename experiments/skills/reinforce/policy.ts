/** A policy gradient on prompts with one right answer: answers are sampled, rewarded and weighted by their advantages. @module */

import { add, crossEntropy, scale, type Tape } from "../../../src/autograd/mod.ts";
import { mean } from "../../../src/core/numbers.ts";
import { Random } from "../../../src/core/random.ts";
import { encodePrompted, type PromptedText, type TokenRow } from "../../../src/data/mod.ts";
import { IGNORED, packBatch } from "../../../src/data/token_rows.ts";
import type { Tensor } from "../../../src/device/device.ts";
import { sampleTogether, type TextModel } from "../../../src/models/mod.ts";
import { endOfTextOf, type Tokenizer } from "../../../src/tokenizer/tokenizer.ts";

/** The teacher of a step: right answers; rewards beside those of the step; or rewards beside those of the same prompt. */
export type Signal = "supervised" | "reinforce" | "groups";

/** Answers of a step, samples of a prompt in a group, and tokens of a sample at most: a space, six letters, the end. */
export const stepAnswers = 64, groupSize = 8, longestAnswer = 8;

/** An answer, by how much its probability is to rise. */
export interface WeightedAnswer extends TokenRow {
  /** Its advantage; 1 of a right answer that is shown. */
  readonly weight: number;
}

/**
 * The advantage of each reward over its baseline: for `reinforce` the mean of all; for `groups` the mean of those of
 * its prompt, which follow one another, over their standard deviation (GRPO; 0 where all are alike).
 */
export function advantagesOf(rewards: readonly number[], signal: "reinforce" | "groups"): number[] {
  if (signal === "reinforce") return rewards.map((reward) => reward - mean(rewards));
  return rewards.map((reward, at) => {
    const start = at - at % groupSize, own = rewards.slice(start, start + groupSize);
    const middle = mean(own), spread = Math.sqrt(mean(own.map((one) => (one - middle) ** 2)));
    return spread === 0 ? 0 : (reward - middle) / spread;
  });
}

/** Samples an answer to each prompt at temperature 1; the reward is 1 where all of it is right, else 0. */
export async function sampleAnswers(
  model: TextModel,
  wanted: readonly TokenRow[],
  { stopToken, seed }: { readonly stopToken: number; readonly seed: number },
): Promise<{ rows: TokenRow[]; rewards: number[] }> {
  const parts = wanted.map(({ tokens, scoredFrom }) => {
    const all = Array.from(tokens);
    return { prompt: all.slice(0, scoredFrom), answer: all.slice(scoredFrom) };
  });
  const prompts = parts.map(({ prompt }) => prompt);
  const made = await sampleTogether(model, prompts, {
    ...{ maxNewTokens: longestAnswer, stopToken, temperature: 1, seed },
  });
  return {
    rows: made.map((own, at) => ({
      ...{ tokens: [...prompts[at], ...own], scoredFrom: prompts[at].length },
    })),
    rewards: made.map((own, at) => Number(own.join() === parts[at].answer.join())),
  };
}

/**
 * Σ weight · −log p(answer) over all answers, over their number: its gradient is the policy gradient. Undefined where
 * no answer counts.
 */
export function policyLoss(
  tape: Tape,
  model: TextModel,
  answers: readonly WeightedAnswer[],
  padding: number,
): Tensor | undefined {
  const counted = answers.filter(({ weight }) => weight !== 0);
  if (counted.length === 0) return undefined;
  const length = Math.max(...counted.map(({ tokens }) => tokens.length - 1));
  const { inputs, targets } = packBatch(counted, { batch: counted.length, length }, padding);
  const rows = [...targets.data.keys()].filter((at) => targets.data[at] !== IGNORED);
  const logits = model.forward(tape, inputs, { rows });
  const weightAt = (at: number) => counted[Math.floor(at / length)].weight;
  const weights = [...new Set(counted.map(({ weight }) => weight))];
  return weights.map((weight) => {
    const labels = rows.map((at) => weightAt(at) === weight ? targets.data[at] : IGNORED);
    const loss = crossEntropy(tape, logits, Int32Array.from(labels), { divisor: answers.length });
    return scale(tape, loss, weight);
  }).reduce((sum, next) => add(tape, sum, next));
}

/** Source of a training's answers. */
export interface AnswerSource {
  /** The tokenizer of the model. */
  readonly tokenizer: Tokenizer;
  /** Prompts with their right answers, of which a step draws. */
  readonly texts: readonly PromptedText[];
  /** Seed of the draws and of the samples. */
  readonly seed: number;
  /** Its teacher. */
  readonly signal: Signal;
}

/** The answers of a step, and the share of them that is right. */
export async function answersOf(
  model: TextModel,
  { tokenizer, texts, seed, signal }: AnswerSource,
  step: number,
): Promise<{ answers: WeightedAnswer[]; reward: number }> {
  const random = new Random(seed).split(step), size = signal === "groups" ? groupSize : 1;
  const drawn = Array.from(
    { length: stepAnswers / size },
    () => encodePrompted(tokenizer, texts[random.integer(texts.length)]),
  );
  if (signal === "supervised") {
    return { answers: drawn.map((row) => ({ ...row, weight: 1 })), reward: 1 };
  }
  const wanted = drawn.flatMap((row) => Array.from({ length: size }, () => row));
  const options = { stopToken: endOfTextOf(tokenizer), seed: random.bits() };
  const { rows, rewards } = await sampleAnswers(model, wanted, options);
  const weights = advantagesOf(rewards, signal);
  return {
    answers: rows.map((row, at) => ({ ...row, weight: weights[at] })),
    reward: mean(rewards),
  };
}
