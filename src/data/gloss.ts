/** Tasks made from WordNet: prompts, completions and the split of words. @module */

import { hash32 } from "../core/random.ts";
import type { PromptedText } from "./prompted_batches.ts";
import type { Meaning } from "./wordnet.ts";

/**
 * The task: `gloss` asks for the definition of a word and its kind (meaning to text, like the E2E task
 * of the paper's section 5.4); `kind` asks for the kind, given the definition (like the paper's
 * classification tasks).
 */
export type GlossTask = "gloss" | "kind";

/** For training; for choosing learning rates; for reporting. */
export type GlossSplit = "train" | "validation" | "test";

/**
 * Phrases a meaning as a prompt with its completion.
 *
 * @example
 * ```ts
 * import { promptedText } from "@lowrank/core/data";
 * const meaning = { lemma: "oak", kind: "plant", definition: "a tree that bears acorns" };
 * promptedText(meaning, "gloss"); // { prompt: "oak (plant):", completion: " a tree that bears acorns" }
 * promptedText(meaning, "kind").prompt; // "a tree that bears acorns is a kind of"
 * ```
 */
export function promptedText(meaning: Meaning, task: GlossTask): PromptedText {
  const { lemma, kind, definition } = meaning;
  return task === "gloss"
    ? { prompt: `${lemma} (${kind}):`, completion: ` ${definition}` }
    : { prompt: `${definition} is a kind of`, completion: ` ${kind}` };
}

/**
 * A meaning as a line of a dictionary, without its kind: what an encoder reads.
 *
 * @example
 * ```ts
 * import { dictionaryEntry } from "@lowrank/core/data";
 * const meaning = { lemma: "oak", kind: "plant", definition: "a tree that bears acorns" };
 * dictionaryEntry(meaning); // "oak: a tree that bears acorns"
 * ```
 */
export const dictionaryEntry = ({ lemma, definition }: Meaning): string =>
  `${lemma}: ${definition}`;

/** Hashes a text to 32 bits, the same everywhere. */
function hashText(text: string): number {
  let hash = text.length;
  for (let at = 0; at < text.length; at++) hash = hash32(hash, text.charCodeAt(at));
  return hash;
}

/**
 * The split of a lemma: 5% validation, 10% test, the rest for training, by a hash of its lower-case
 * form. So all meanings of a word, as noun or verb and in either task, are in the same split.
 * Definitions may be in several: about 1% of nouns share theirs with another word ("a genus of
 * bacteria").
 */
export function splitOf(lemma: string): GlossSplit {
  const share = hashText(lemma.toLowerCase()) / 2 ** 32;
  if (share < 0.05) return "validation";
  return share < 0.15 ? "test" : "train";
}
