/** Texts of a skill that ask for different inputs. @module */

import { assertOptions } from "../../core/options.ts";
import { quote } from "../../core/quote.ts";
import { Random } from "../../core/random.ts";
import type { GlossSplit } from "../gloss.ts";
import type { PromptedText } from "../prompted_batches.ts";
import { drawSkillText, type Skill } from "./skill.ts";

/** Which texts of a skill. */
export interface SkillTextOptions {
  /** Which split of the inputs. */
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
