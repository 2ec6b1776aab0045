/** The tokens of METEOR, ROUGE-L and CIDEr, as coco-caption takes them. @module */

import { treebankTokens } from "./treebank_tokens.ts";
import { type ReferencedOutput, type ReferencedTokens, tokensOf } from "./referenced_output.ts";

/** Tokens that coco-caption drops. Those of `-LRB-` and its like are in capitals there, and so stay. */
const dropped = new Set("'' ' `` ` . ? ! , : - -- ... ;".split(" "));

/**
 * The tokens of a text as coco-caption takes them: Penn Treebank tokens ({@link treebankTokens}) without
 * quotation marks, periods, commas and their like.
 *
 * @example
 * ```ts
 * import { captionTokens } from "@lowrank/core/metrics";
 * captionTokens("It isn't cheap (£20-25)."); // ["it", "is", "n't", "cheap", "-lrb-", "#", "20-25", "-rrb-"]
 * ```
 */
export const captionTokens = (text: string): string[] =>
  treebankTokens(text).filter((token) => !dropped.has(token));

/** Splits outputs and references. */
export const captionTokensOf = (outputs: readonly ReferencedOutput[]): ReferencedTokens[] =>
  tokensOf(outputs, captionTokens);
