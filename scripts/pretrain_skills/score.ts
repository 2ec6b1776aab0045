/** How well skills are known, on inputs that are for the test. @module */

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

/** Over the characters of the answers, the space before and the end behind them counted. */
export interface AnswerScore {
  /** −ln p per character. */
  readonly nats: number;
  /** The share of the answers that are right to their end, from 0 to 1, each skill counted alike. */
  readonly exact: number;
}

/** The same of one skill. */
export interface SkillScore extends AnswerScore {
  /** Its name. */
  readonly name: string;
  /** Number of its texts. */
  readonly texts: number;
}

/** Most texts of a skill. */
const mostTexts = 200;

/** Texts by the names of skills, always the same. */
export const heldOutTexts = (
  examples = mostTexts,
): { name: string; texts: readonly PromptedText[] }[] =>
  skills.map((skill) => ({
    name: skill.name,
    texts: skillTexts(skill, { split: "test", examples, seed: 0 }),
  }));

/** The same as rows of tokens. */
export const heldOutRows = (tokenizer: Tokenizer): TokenRow[][] =>
  heldOutTexts().map(({ texts }) => texts.map((text) => encodePrompted(tokenizer, text)));

/** Scores a model on each skill, and on all. */
export async function skillScores(
  model: TextModel,
  tokenizer: Tokenizer,
): Promise<AnswerScore & { skills: SkillScore[] }> {
  const scores: SkillScore[] = [];
  let nats = 0, characters = 0, exact = 0;
  for (const { name, texts } of heldOutTexts()) {
    const batches = [...promptedBatches(tokenizer, texts, { batch: texts.length })];
    const { loss, counted } = await evaluate(model, batches);
    scores.push({ name, texts: texts.length, nats: loss, exact: await exactOn(model, batches) });
    nats += loss * counted;
    characters += counted;
    exact += scores.at(-1)!.exact / skills.length;
  }
  return { nats: nats / characters, exact, skills: scores };
}
