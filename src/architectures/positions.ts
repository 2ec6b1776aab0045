/** How many tokens a sequence of a model may have. @module */

import { type ConfigJson, count, countOr } from "./config_fields.ts";

/** Positions where a configuration states none, as in transformers. */
const usualPositions: Readonly<Record<string, number>> = {
  llama: 2048,
  mistral: 131072,
  qwen2: 32768,
};

/** RoBERTa's padding token where a configuration states none, as in transformers. */
const usualPadding = 1;

/**
 * The most tokens of a sequence; undefined where a configuration states no limit, as BLOOM's and T5's, whose attention
 * sees distances alone.
 *
 * @throws {RangeError} when a field of a family that runs is invalid.
 */
export function longestSequence(json: ConfigJson): number | undefined {
  switch (json.model_type) {
    case "gpt2":
      return count(json, "n_positions");
    case "roberta":
    case "xlm-roberta":
      // Its positions begin after the padding token's id.
      return count(json, "max_position_embeddings") - countOr(json, "pad_token_id", usualPadding) -
        1;
    case "llama":
    case "mistral":
    case "qwen2":
      return decoderPositions(json);
  }
  const { max_position_embeddings: most } = json;
  return Number.isSafeInteger(most) ? Number(most) : undefined;
}

/** Those of Llama, Mistral or Qwen2, as far as its tokens see each other. */
export const decoderPositions = (json: ConfigJson): number =>
  Math.min(statedPositions(json), windowOf(json));

const statedPositions = (json: ConfigJson): number => {
  const max_position_embeddings = json.max_position_embeddings ??
    usualPositions[String(json.model_type)];
  return count({ ...json, max_position_embeddings }, "max_position_embeddings");
};

/** Tokens that see each other: Qwen2 states a window that is off unless `use_sliding_window`. */
function windowOf(json: ConfigJson): number {
  const isOff = json.model_type === "qwen2" || (json.sliding_window ?? null) === null;
  return isOff ? Infinity : count(json, "sliding_window");
}

/**
 * Throws unless virtual tokens leave a position for another one.
 *
 * @param kind What puts them before the others, for the message.
 * @param positions The most tokens of a sequence.
 * @throws {RangeError} when they do not, or their number is not a positive integer.
 */
export function assertPrefixLength(kind: string, length: number, positions: number): void {
  if (Number.isInteger(length) && length >= 1 && length < positions) return;
  throw new RangeError(
    `${kind} needs a length of 1 to ${positions - 1} virtual tokens, as a sequence of the model ` +
      `has at most ${positions} in all, found ${length}`,
  );
}
