/** Scores skills on inputs that are for the test. @module */

import { mean } from "../../src/core/numbers.ts";
import {
  encodePrompted,
  promptedBatches,
  type PromptedText,
  skills,
  skillTexts,
  type TokenRow,
} from "../../src/data/mod.ts";
import { exactOn, type TextModel } from "../../src/models/mod.ts";
import type { Tokenizer } from "../../src/tokenizer/mod.ts";
import { evaluate } from "../../src/train/mod.ts";

/** Score over the characters of the answers, the space before and the end behind them counted. */
export interface AnswerScore {
  /** −ln p per character. */
  readonly nats: number;
  /** The share of the answers that are right to their end, from 0 to 1, each skill counted alike. */
  readonly exact: number;
}

/** Score of one skill. */
export interface SkillScore extends AnswerScore {
  /** Its name. */
  readonly name: string;
  /** Number of its texts. */
  readonly texts: number;
  /** Number of characters of all their answers. */
  readonly characters: number;
}

/** Most texts of a skill. */
const mostTexts = 200;

/** Texts of a skill. */
export interface SkillTexts {
  /** The skill's name. */
  readonly name: string;
  /** Texts that ask for different inputs. */
  readonly texts: readonly PromptedText[];
}

/** The texts of the test, always the same. */
export const heldOutTexts = (examples = mostTexts): SkillTexts[] =>
  skills.map((skill) => ({
    name: skill.name,
    texts: skillTexts(skill, { split: "test", examples, seed: 0 }),
  }));

/** The same as rows of tokens, a list for each skill. */
export const heldOutRows = (tokenizer: Tokenizer): TokenRow[][] =>
  heldOutTexts().map(({ texts }) => texts.map((text) => encodePrompted(tokenizer, text)));

/** Scores a model on one skill. */
export async function skillScore(
  model: TextModel,
  tokenizer: Tokenizer,
  { name, texts }: SkillTexts,
): Promise<SkillScore> {
  const batches = [...promptedBatches(tokenizer, texts, { batch: texts.length })];
  const { loss, counted } = await evaluate(model, batches);
  const exact = await exactOn(model, batches);
  return { name, texts: texts.length, characters: counted, nats: loss, exact };
}

/** Scores a model on each skill, and on all. */
export async function skillScores(
  model: TextModel,
  tokenizer: Tokenizer,
): Promise<AnswerScore & { skills: SkillScore[] }> {
  const scores: SkillScore[] = [];
  for (const one of heldOutTexts()) scores.push(await skillScore(model, tokenizer, one));
  const sumOf = (value: (score: SkillScore) => number) =>
    scores.reduce((sum, score) => sum + value(score), 0);
  return {
    nats: sumOf(({ nats, characters }) => nats * characters) / sumOf((one) => one.characters),
    exact: mean(scores.map(({ exact }) => exact)),
    skills: scores,
  };
}
