/** How much text one token stands for. @module */

import { isRecord } from "../core/json.ts";
import { BYTE_CHARACTERS } from "./byte_alphabet.ts";
import type { TokenizerFacts } from "./tokenizer_file.ts";
import type { JsonObject } from "./tokenizer_fields.ts";

/**
 * Most bytes of text that a token stands for, or infinity: every byte of a text is in a token only for a BPE of bytes
 * with no step that takes out a part of the text.
 */
export function longestToken(
  file: JsonObject,
  { remove_space: removesSpace, do_lowercase_and_remove_accent: removesAccents }: JsonObject,
  { kind, ids }: TokenizerFacts,
): number {
  const { normalizer, pre_tokenizer: first, model, added_tokens: added } = file;
  const { end_of_word_suffix: end, continuing_subword_suffix: middle } = model as JsonObject;
  const keepsAll = kind === "BPE" && !normalizer && !removesSpace && !removesAccents && !end &&
    !middle && BYTE_CHARACTERS.every((character) => ids.has(character)) && keepsBytes(first) &&
    (added as JsonObject[]).every(({ lstrip, rstrip }) => !lstrip && !rstrip);
  if (!keepsAll) return Infinity;
  const encoder = new TextEncoder();
  let longest = 0;
  // No less than the bytes that it stands for: the character of a byte has one or two.
  for (const token of ids.keys()) longest = Math.max(longest, encoder.encode(token).length);
  return longest;
}

/** Whether the steps before the model end in bytes, and cut without leaving out. */
function keepsBytes(first: unknown): boolean {
  const { type, pretokenizers = [] } = isRecord(first) ? first : {};
  const steps = type === "Sequence" ? pretokenizers as JsonObject[] : [first as JsonObject];
  return steps.at(-1)?.type === "ByteLevel" && steps.slice(0, -1).every(cutsOnly);
}

const cutsOnly = ({ type, behavior, invert }: JsonObject): boolean =>
  type === "Digits" || type === "Split" && behavior !== "Removed" && !invert;
