/** How well a language model predicts held-out text, in two units. @module */

/** A model's score on a text. */
export interface LanguageScore {
  /** −ln p per token: depends on the vocabulary. */
  readonly natsPerToken: number;
  /** −log₂ p per UTF-8 byte: comparable between vocabularies. */
  readonly bitsPerByte: number;
}

/**
 * Both units from the nats of a whole text.
 *
 * @example
 * ```ts
 * import { languageScore } from "@lowrank/core/data";
 * languageScore(Math.LN2 * 8, { tokens: 4, bytes: 8 }).bitsPerByte; // 1
 * ```
 */
export function languageScore(
  nats: number,
  { tokens, bytes }: { tokens: number; bytes: number },
): LanguageScore {
  return { natsPerToken: nats / tokens, bitsPerByte: nats / bytes / Math.LN2 };
}
