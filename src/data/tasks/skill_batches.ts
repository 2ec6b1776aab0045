/** Endless batches of skills, and texts of a skill that ask for different inputs. @module */

import type { Batch, PromptFormat } from "../../core/batch.ts";
import { assertOptions } from "../../core/checks.ts";
import { quote } from "../../core/errors.ts";
import { Random } from "../../core/random.ts";
import { endOfTextOf, type Tokenizer } from "../../tokenizer/tokenizer.ts";
import { encodePrompted, type PromptedText, usualFormat } from "../prompted_batches.ts";
import { checkBatchSize, fittedLength, packBatch } from "../token_rows.ts";
import { drawSkillText, type Skill } from "./skills.ts";
import type { GlossSplit } from "./wordnet.ts";

/** Options of {@link skillBatches}. */
export interface SkillBatchOptions {
  /** Texts in a batch. */
  readonly batch: number;
  /** Seed for drawing them. */
  readonly seed: number;
}

/** Format of skills; the space before an answer is no part of it. */
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

/** Draws one of the skills, with probabilities in proportion to the weights. */
function drawSkill(skills: readonly Skill[], random: Random): Skill {
  let left = random.uniform() * skills.reduce((sum, { weight }) => sum + weight, 0);
  return skills.find(({ weight }) => (left -= weight) < 0) ?? skills.at(-1)!;
}

/** Options of {@link skillTexts}. */
export interface SkillTextOptions {
  /** Split of the inputs. */
  readonly split: GlossSplit;
  /** Most texts. With the same seed, a smaller number takes a prefix of the same texts. */
  readonly examples: number;
  /** Seed for drawing them. */
  readonly seed: number;
}

/** Texts in a row whose inputs are known, after which there are no others: one of 400 is missed once in 270,000 times. */
const mostKnown = 5000;

/**
 * Texts of a skill with different inputs, drawn from a seed; fewer where it has no more. An input is in one split,
 * by a hash of it, the same for all skills: 5% are for validation, 10% for the test.
 *
 * @throws {RangeError} when the number of examples is not a positive integer, or the skill has no input in the split.
 * @throws {TypeError} when an option does not exist.
 *
 * @example
 * ```ts
 * import { skills, skillTexts } from "@lowrank/core/data";
 *
 * for (const skill of skills) {
 *   const [{ prompt, completion }] = skillTexts(skill, { split: "test", examples: 1, seed: 1 });
 *   console.log(prompt + completion); // as in "rev hello: olleh"
 * }
 * ```
 */
export function skillTexts(skill: Skill, options: SkillTextOptions): PromptedText[] {
  assertOptions("skillTexts", options, { split: true, examples: true, seed: true });
  const { split, examples, seed } = options;
  if (!Number.isInteger(examples) || examples < 1) {
    throw new RangeError(
      `skillTexts needs examples to be a positive integer, found ${quote(examples)}`,
    );
  }
  const random = new Random(seed), texts = new Map<string, PromptedText>();
  for (let known = 0; texts.size < examples && known < mostKnown; known++) {
    const { input, text } = drawSkillText(skill, split, random);
    if (texts.has(input)) continue;
    texts.set(input, text);
    known = -1;
  }
  return [...texts.values()];
}
