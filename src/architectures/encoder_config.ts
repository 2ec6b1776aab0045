/** The configuration of a BERT or RoBERTa that is to be run. @module */

import {
  assertOneOf,
  type ConfigJson,
  count,
  countOr,
  epsilonOf,
  fieldError,
  headOf,
  rateOr,
} from "./config_fields.ts";

/** What its forward pass depends on, apart from the shapes of its tensors. */
export interface EncoderConfig {
  /** Width of the residual stream. */
  readonly width: number;
  /** Number of blocks. */
  readonly layers: number;
  /** Attention heads per block. */
  readonly heads: number;
  /** Number of tokens in the vocabulary. */
  readonly vocabulary: number;
  /** Rows of the table of positions. */
  readonly positions: number;
  /** Rows of the table of token types. */
  readonly tokenTypes: number;
  /** ε of every layer norm. */
  readonly epsilon: number;
  /** Whether GELU is the exact one, and not its tanh form. */
  readonly exact: boolean;
  /** Token that fills up short sequences. */
  readonly padding: number;
  /** Share of the embeddings and of what sublayers add that training zeroes. */
  readonly dropout: number;
  /** The same of what a classifier's layers read. */
  readonly classifierDropout: number;
}

/** Fields that change the result, with the values that the forward pass implements. */
const implemented: Readonly<Record<string, readonly unknown[]>> = {
  hidden_act: ["gelu", "gelu_new", "gelu_pytorch_tanh"],
  position_embedding_type: ["absolute"],
  is_decoder: [false],
  add_cross_attention: [false],
};

/** The padding token where a configuration states none, as in transformers. */
const paddings: Readonly<Record<string, number>> = { bert: 0, roberta: 1 };

/**
 * Reads a `bert` or `roberta` configuration with Hugging Face's defaults for absent fields; dropout is 0
 * if absent, where transformers takes 0.1.
 *
 * @throws {RangeError} when a field is missing or has a value that is not supported.
 */
export function parseEncoderConfig(json: ConfigJson): EncoderConfig {
  for (const [field, values] of Object.entries(implemented)) assertOneOf(json, field, values);
  const width = count(json, "hidden_size"), heads = count(json, "num_attention_heads");
  if (width % heads !== 0) {
    throw fieldError(json, "num_attention_heads", `divide hidden_size, ${width}`);
  }
  const positions = count(json, "max_position_embeddings");
  const padding = countOr(json, "pad_token_id", paddings[String(json.model_type)]);
  // RoBERTa's positions begin after the padding token's id.
  if (json.model_type === "roberta" && padding + 1 >= positions) {
    throw fieldError(
      { ...json, pad_token_id: padding },
      "pad_token_id",
      `be below ${positions - 1}`,
    );
  }
  const dropout = rateOr(json, "hidden_dropout_prob", 0);
  return {
    width,
    layers: count(json, "num_hidden_layers"),
    heads,
    vocabulary: count(json, "vocab_size"),
    positions,
    tokenTypes: countOr(json, "type_vocab_size", 0),
    epsilon: epsilonOf(json, "layer_norm_eps", 1e-12),
    exact: (json.hidden_act ?? "gelu") === "gelu",
    padding,
    dropout,
    classifierDropout: rateOr(json, "classifier_dropout", dropout),
  };
}

/**
 * A configuration that has been checked, with the number of a classifier's labels.
 *
 * @throws {RangeError} As {@link parseEncoderConfig}.
 */
export function completeEncoderConfig(json: ConfigJson): ConfigJson {
  parseEncoderConfig(json);
  const top = headOf(json, "none");
  return top.kind === "classes" ? { ...json, num_labels: top.labels } : json;
}
