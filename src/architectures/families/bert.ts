/**
 * BERT (Devlin et al. 2018) and RoBERTa (Liu et al. 2019), whose layers XLM-R has (Conneau et al.
 * 2020): their layers and tensors, and the checked configuration of one that is to be run.
 *
 * @module
 */

import {
  type Architecture,
  architectureFrom,
  head,
  type LayerSpec,
  linear,
  norm,
  other,
  tensor,
  type TensorSpec,
} from "../architecture.ts";
import {
  assertOneOf,
  type ConfigJson,
  count,
  countOr,
  epsilonOf,
  fieldError,
  flagOr,
  type Head,
  headOf,
  rateOr,
} from "../config_fields.ts";
import {
  encoder,
  type EncoderSizes,
  encoderSizes,
  maskedHead,
  separateAttention,
  untiedDecoder,
} from "./encoder.ts";

/** The architecture of a `bert` configuration. */
export function bertArchitecture(json: ConfigJson): Architecture {
  return bertLike("bert", json, (at, top, sizes) => [
    ...(top.kind === "language" ? maskedHead(json, sizes) : [pooler(at, sizes)]),
    ...(top.kind === "classes" ? [head("classifier", [top.labels, sizes.d], { bias: true })] : []),
  ]);
}

/** The architecture of a `roberta` or `xlm-roberta` configuration. */
export function robertaArchitecture(json: ConfigJson): Architecture {
  return bertLike("roberta", json, (at, top, sizes) => robertaTop(at, json, top, sizes));
}

/** The layers above a RoBERTa's blocks, by its head. */
export function robertaTop(
  at: string,
  json: ConfigJson,
  top: Head,
  sizes: EncoderSizes,
): LayerSpec[] {
  const { d, vocabulary } = sizes;
  switch (top.kind) {
    case "none":
      return [pooler(at, sizes)];
    case "language":
      return [
        other(tensor("lm_head.bias", vocabulary)),
        linear("lm_head.dense", [d, d]),
        norm("lm_head.layer_norm", d),
        ...untiedDecoder("lm_head.decoder", json),
      ];
    case "classes":
      return [
        head("classifier.dense", [d, d], { bias: true }),
        head("classifier.out_proj", [top.labels, d], { bias: true }),
      ];
  }
}

const pooler = (at: string, { d }: EncoderSizes) => linear(`${at}pooler.dense`, [d, d]);

function bertLike(
  trunk: "bert" | "roberta",
  json: ConfigJson,
  topOf: (at: string, top: Head, sizes: EncoderSizes) => LayerSpec[],
): Architecture {
  const sizes = encoderSizes(json), top = headOf(json, "none");
  const at = top.kind === "none" ? "" : `${trunk}.`;
  const projections = (self: string) => separateAttention(self, sizes.d, ["query", "key", "value"]);
  const isMasked = top.kind === "language";
  const isCrossed = flagOr(json, "add_cross_attention", false);
  const attentions = ["attention", ...(isCrossed ? ["crossattention"] : [])];
  return architectureFrom({
    modelType: String(json.model_type),
    head: top.kind,
    trunk: at,
    ...(isMasked && { besides: besidesOf(trunk, sizes), copies: copiesOf(trunk, json) }),
    peftTargets: ["query", "value"],
    layers: [...encoder(at, json, projections, attentions), ...topOf(at, top, sizes)],
  });
}

/**
 * Tensors that files of masked models may keep from the other task of pretraining; the published
 * ones do.
 */
function besidesOf(trunk: "bert" | "roberta", sizes: EncoderSizes): TensorSpec[] {
  const { tensors } = pooler(`${trunk}.`, sizes), next = "cls.seq_relationship";
  if (trunk === "roberta") return [...tensors];
  return [...tensors, tensor(`${next}.weight`, 2, sizes.d), tensor(`${next}.bias`, 2)];
}

/** A tied decoder, which older files repeat. */
function copiesOf(trunk: "bert" | "roberta", json: ConfigJson): string[] {
  if (!flagOr(json, "tie_word_embeddings", true)) return [];
  const decoder = trunk === "bert" ? "cls.predictions.decoder" : "lm_head.decoder";
  return [`${decoder}.weight`, `${decoder}.bias`];
}

/** Settings of its forward pass, apart from the shapes of its tensors. */
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
  /** True for the exact GELU, false for its tanh form. */
  readonly exact: boolean;
  /** Token that fills up short sequences. */
  readonly padding: number;
  /** Share of the embeddings and of what sublayers add that training zeroes. */
  readonly dropout: number;
  /** Share of a classifier's inputs, at each of its layers, that training zeroes. */
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
const paddings: Readonly<Record<string, number>> = { bert: 0, roberta: 1, mpnet: 1 };

/** True for families whose heads are RoBERTa's, and whose positions begin after the padding token's id. */
export const isLikeRoberta = (modelType: unknown): boolean =>
  modelType === "roberta" || modelType === "mpnet";

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
  if (isLikeRoberta(json.model_type) && padding + 1 >= positions) {
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
