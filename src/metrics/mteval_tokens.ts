/** The tokens of BLEU and NIST, as NIST's `mteval-v13a` takes them. @module */

import type { ReferencedOutput } from "./referenced_output.ts";

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

/** The tokens of an output and of its references. */
export interface ReferencedTokens {
  /** Of the output. */
  readonly output: readonly string[];
  /** Of each reference. */
  readonly references: readonly (readonly string[])[];
}

/** Splits outputs and references. */
export const mtevalTokensOf = (outputs: readonly ReferencedOutput[]): ReferencedTokens[] =>
  outputs.map(({ output, references }) => ({
    output: mtevalTokens(output),
    references: references.map(mtevalTokens),
  }));
