/** Words of random letters, and what skills make of them. @module */

import type { Random } from "../../core/random.ts";

/** The letters that words are made of. */
export const alphabet = "abcdefghijklmnopqrstuvwxyz";

/**
 * A word of 3 to 6 letters, each drawn uniformly.
 *
 * @example
 * ```ts
 * import { Random } from "@lowrank/core";
 * import { drawLetters } from "@lowrank/core/data";
 *
 * console.log(/^[a-z]{3,6}$/.test(drawLetters(new Random(1)))); // true
 * ```
 */
export const drawLetters = (random: Random): string =>
  Array.from({ length: 3 + random.integer(4) }, () => alphabet[random.integer(alphabet.length)])
    .join("");

/**
 * The map of words that puts the i-th of 26 letters in the place of the i-th of the alphabet.
 *
 * @example
 * ```ts
 * import { letterMap } from "@lowrank/core/data";
 *
 * console.log(letterMap("zyxwvutsrqponmlkjihgfedcba")("abc")); // zyx
 * ```
 */
export const letterMap = (letters: string): (word: string) => string => (word) =>
  mapped(word, (letter) => letters[alphabet.indexOf(letter)]);

/**
 * The map of words that puts the letter so many places on in the alphabet in the place of each, a after z: Caesar's
 * cipher.
 *
 * @example
 * ```ts
 * import { letterShift } from "@lowrank/core/data";
 *
 * console.log(letterShift(3)("xyz")); // abc
 * ```
 */
export const letterShift = (places: number): (word: string) => string =>
  letterMap(alphabet.slice(places) + alphabet.slice(0, places));

/** Puts something in the place of each letter. */
const mapped = (word: string, other: (letter: string, at: number) => string): string =>
  Array.from(word, other).join("");

/** From the last letter to the first. */
export const reversed = (word: string): string => [...word].reverse().join("");

/** From a to z. */
export const sorted = (word: string): string => [...word].sort().join("");

/** Each letter twice. */
export const doubled = (word: string): string => mapped(word, (letter) => letter + letter);

/** Every second letter in upper case. */
export const alternated = (word: string): string =>
  mapped(word, (letter, at) => at % 2 === 1 ? letter.toUpperCase() : letter);

/** The first letter at the end. */
export const rotated = (word: string): string => word.slice(1) + word[0];

/** English's rule of spelling: es after s, x, z, ch and sh, ies in the place of a y after a consonant, else s. */
export function plural(word: string): string {
  if (/(?:[sxz]|[cs]h)$/.test(word)) return `${word}es`;
  return /[^aeiou]y$/.test(word) ? `${word.slice(0, -1)}ies` : `${word}s`;
}
