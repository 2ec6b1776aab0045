/** Skills: small tasks with one right answer each, and texts that ask for it. @module */

import { quote } from "../../core/quote.ts";
import type { Random } from "../../core/random.ts";
import { type GlossSplit, splitOf } from "../gloss.ts";
import type { PromptedText } from "../prompted_batches.ts";

/** A task whose answers are right or wrong. */
export interface Skill {
  /** What it is called in tables. */
  readonly name: string;
  /** Any of them asks for it. */
  readonly words: readonly string[];
  /** How often it comes, compared with others. */
  readonly weight: number;
  /** Draws an input. */
  readonly input: (random: Random) => string;
  /** The right answer. */
  readonly answer: (input: string) => string;
}

/**
 * What is asked, and the answer: `rev hello:` and ` olleh`.
 *
 * @example
 * ```ts
 * import { skills, skillText } from "@lowrank/core/data";
 *
 * const reverse = skills.find(({ name }) => name === "reverse")!;
 * console.log(skillText(reverse, "rev", "hello")); // { prompt: "rev hello:", completion: " olleh" }
 * ```
 */
export const skillText = ({ answer }: Skill, word: string, input: string): PromptedText => ({
  prompt: `${word} ${input}:`,
  completion: ` ${answer(input)}`,
});

/** A drawn text with its input. */
interface DrawnText {
  readonly input: string;
  readonly text: PromptedText;
}

/** Inputs of other splits in a row after which none of this split is expected: one of 20 should be. */
const mostVain = 5000;

/**
 * A text of a skill with an input of one split.
 *
 * @throws {RangeError} when 5,000 inputs in a row are of other splits.
 */
export function drawSkillText(skill: Skill, split: GlossSplit, random: Random): DrawnText {
  const { input: draw, name, words } = skill;
  for (let vain = 0; vain < mostVain; vain++) {
    const input = draw(random);
    if (splitOf(input) !== split) continue;
    return { input, text: skillText(skill, words[random.integer(words.length)], input) };
  }
  throw new RangeError(`the skill ${quote(name)} needs an input of the split ${split}, found none`);
}
