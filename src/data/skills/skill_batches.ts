/** Endless batches of skills. @module */

import type { Batch } from "../../core/batch.ts";
import { assertOptions } from "../../core/options.ts";
import type { PromptFormat } from "../../core/prompt_format.ts";
import { Random } from "../../core/random.ts";
import { endOfTextOf } from "../../tokenizer/prompt.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { encodePrompted, usualFormat } from "../prompted_batches.ts";
import { checkBatchSize, fittedLength, packBatch } from "../token_rows.ts";
import { drawSkillText, type Skill } from "./skill.ts";

/** Which batches of skills. */
export interface SkillBatchOptions {
  /** Texts in a batch. */
  readonly batch: number;
  /** Seed for drawing them. */
  readonly seed: number;
}

/** How skills are asked for; the space before an answer is no part of it. */
const skillFormat: PromptFormat = { ...usualFormat, separator: " " };

/**
 * Batches of texts with inputs of the split for training: which skill by the weights, then one of its words, then an
 * input, all drawn anew. Answers and the end of the text are scored. A batch depends on the seed and its index alone,
 * so any of them can be made again.
 *
 * @throws {RangeError} when the batch is not a positive integer, or a skill has no input to train on.
 * @throws {TypeError} when the tokenizer has no end-of-text token, or an option does not exist.
 *
 * @example
 * ```ts
 * import { loadTokenizer } from "@lowrank/core";
 * import { skillBatches, skills } from "@lowrank/core/data";
 *
 * const tokenizer = await loadTokenizer("models/tiny-skills");
 * const { targets } = skillBatches(tokenizer, skills, { batch: 4, seed: 1 })(0);
 * console.log(targets.shape[0]); // 4
 * ```
 */
export function skillBatches(
  tokenizer: Tokenizer,
  skills: readonly Skill[],
  options: SkillBatchOptions,
): (index: number) => Batch {
  assertOptions("skillBatches", options, { batch: true, seed: true });
  const { batch, seed } = options, padding = endOfTextOf(tokenizer);
  checkBatchSize({ batch, length: 1 });
  return (index) => {
    const random = new Random(seed).split(index);
    const rows = Array.from({ length: batch }, () => {
      const { text } = drawSkillText(drawSkill(skills, random), "train", random);
      return encodePrompted(tokenizer, text);
    });
    const length = fittedLength(rows, Infinity, 4);
    return { ...packBatch(rows, { batch, length }, padding), promptFormat: skillFormat };
  };
}

/** One of the skills, with probabilities in proportion to the weights. */
function drawSkill(skills: readonly Skill[], random: Random): Skill {
  let left = random.uniform() * skills.reduce((sum, { weight }) => sum + weight, 0);
  return skills.find(({ weight }) => (left -= weight) < 0) ?? skills.at(-1)!;
}
