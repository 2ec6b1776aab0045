/** The tokens of BLEU and NIST, as NIST's `mteval-v13a` takes them. @module */

import { type ReferencedOutput, type ReferencedTokens, tokensOf } from "./referenced_output.ts";

/** What SGML writes otherwise, in the order in which it is undone. */
const undone: readonly (readonly [RegExp, string])[] = [
  [/<skipped>/g, ""],
  [/-\n/g, ""],
  [/\n/g, " "],
  [/&quot;/g, '"'],
  [/&amp;/g, "&"],
  [/&lt;/g, "<"],
  [/&gt;/g, ">"],
];

/** Where a token ends inside of a word. Periods, commas and hyphens stay within numbers. */
const separated: readonly (readonly [RegExp, string])[] = [
  [/([{-~[-` -&(-+:-@/])/g, " $1 "],
  [/([^0-9])([.,])/g, "$1 $2 "],
  [/([.,])([^0-9])/g, " $1 $2"],
  [/([0-9])(-)/g, "$1 $2 "],
];

/**
 * Splits a text into tokens by the rules of `mteval-v13a`, in lower case: marks are tokens, apostrophes and
 * hyphens stay within words, and periods and commas within numbers. A text without tokens has one, which is
 * empty.
 *
 * @example
 * ```ts
 * import { mtevalTokens } from "@lowrank/core/metrics";
 * mtevalTokens("It's family-friendly, at £20.50."); // ["it's", "family-friendly", ",", "at", "£20.50", "."]
 * ```
 */
export function mtevalTokens(text: string): string[] {
  const replaced = (text: string, rules: typeof undone) =>
    rules.reduce((text, [pattern, by]) => text.replace(pattern, by), text);
  const spaced = replaced(` ${replaced(text, undone)} `, separated);
  return spaced.replaceAll(/\s+/g, " ").trim().toLowerCase().split(" ");
}

/** Splits outputs and references. */
export const mtevalTokensOf = (outputs: readonly ReferencedOutput[]): ReferencedTokens[] =>
  tokensOf(outputs, mtevalTokens);
