/**
 * Inputs of our encoder: the dictionary entries of WordNet's nouns and verbs, split by their words.
 *
 * @module
 */

import {
  dictionaryEntry,
  type GlossSplit,
  loadMeanings,
  type MaskedOptions,
  splitOf,
} from "../../src/data/mod.ts";
import type { Tokenizer } from "../../src/tokenizer/mod.ts";

/** Tokens in a row at most, the two ends included. */
export const longest = 64;

/** The entries of one split as texts, nouns before verbs. */
export async function entryTexts(split: GlossSplit): Promise<string[]> {
  const meanings = [...await loadMeanings("noun"), ...await loadMeanings("verb")];
  return meanings.filter(({ lemma }) => splitOf(lemma) === split).map(dictionaryEntry);
}

/** The same as rows of tokens between `<s>` and `</s>`; of long ones the beginning is kept. */
export async function entryRows(tokenizer: Tokenizer, split: GlossSplit): Promise<Uint32Array[]> {
  return (await entryTexts(split)).map((text) => tokenizer.encodeFramed(text, longest));
}

/** Masking of the entries. */
export function maskingOf(
  tokenizer: Tokenizer,
): Pick<MaskedOptions, "mask" | "padding" | "special" | "vocabulary"> {
  const { specialTokens, vocabularySize: vocabulary } = tokenizer;
  const [mask, padding] = ["<mask>", "<pad>"].map((token) => specialTokens.get(token)!);
  return { mask, padding, special: new Set(specialTokens.values()), vocabulary };
}
