/** Pre-tokenization: splits text into words, whose boundaries merges never cross. @module */

/**
 * GPT-2's split: contractions, then letters, digits or other symbols with at most one leading space,
 * then runs of whitespace. Source: GPT-2's `encoder.py`.
 */
export const WORD_PATTERN: RegExp =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/**
 * Counts the words of all texts, in order of first appearance.
 *
 * @example
 * ```ts
 * import { countWords } from "./words.ts";
 * countWords(["the cat the"]); // Map { "the" => 1, " cat" => 1, " the" => 1 }
 * ```
 */
export function countWords(texts: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const word of text.match(WORD_PATTERN) ?? []) {
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  return counts;
}
