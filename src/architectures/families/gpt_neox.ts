/**
 * GPT-NeoX (Black et al. 2022), whose layers Pythia has (Biderman et al. 2023): its tensors, and the
 * checked configuration of one that is to be run.
 *
 * @module
 */

import { isRecord } from "../../core/checks.ts";
import { mostHeadColumns } from "../../core/limits.ts";
import {
  type Architecture,
  architectureFrom,
  embedding,
  head,
  type LayerSpec,
  linear,
  norm,
  partsByHead,
  repeat,
} from "../architecture.ts";
import {
  assertOneOf,
  type ConfigJson,
  count,
  epsilonOf,
  fieldError,
  flagOr,
  headOf,
  headsOf,
  rateOr,
  statedPositions,
} from "../config_fields.ts";
import { rotaryFrequencies } from "./llama.ts";

/** Path of an untied output head: that of files, where transformers 5 calls the module `lm_head`. */
export const outputHead = "embed_out";

/** The architecture of a `gpt_neox` configuration. */
export function gptNeoxArchitecture(json: ConfigJson): Architecture {
  const d = count(json, "hidden_size"), vocabulary = count(json, "vocab_size");
  const top = headOf(json, "language"), at = top.kind === "none" ? "" : "gpt_neox.";
  const isTied = flagOr(json, "tie_word_embeddings", false), isLanguage = top.kind === "language";
  return architectureFrom({
    modelType: "gpt_neox",
    head: top.kind,
    trunk: at,
    peftTargets: ["query_key_value"],
    ...(isLanguage && isTied ? { copies: [`${outputHead}.weight`] } : {}),
    layers: [
      embedding(`${at}embed_in`, [vocabulary, d]),
      ...repeat(count(json, "num_hidden_layers"), (i) => block(`${at}layers.${i}`, json, d)),
      norm(`${at}final_layer_norm`, d),
      ...(isLanguage && !isTied ? [head(outputHead, [vocabulary, d])] : []),
      ...(top.kind === "classes" ? [head("score", [top.labels, d])] : []),
    ],
  });
}

function block(at: string, json: ConfigJson, d: number): LayerSpec[] {
  const heads = headsOf(json, d), inner = count(json, "intermediate_size");
  const bias = flagOr(json, "attention_bias", true), parts = partsByHead(heads, d / heads);
  return [
    norm(`${at}.input_layernorm`, d),
    norm(`${at}.post_attention_layernorm`, d),
    linear(`${at}.attention.query_key_value`, [3 * d, d], { parts, bias }),
    linear(`${at}.attention.dense`, [d, d], { parts: "o", bias }),
    linear(`${at}.mlp.dense_h_to_4h`, [inner, d], { parts: "up" }),
    linear(`${at}.mlp.dense_4h_to_h`, [d, inner], { parts: "down" }),
  ];
}

/** Settings of its forward pass, apart from the shapes of its tensors. */
export interface GptNeoxConfig {
  /** Width of the residual stream. */
  readonly width: number;
  /** Number of blocks. */
  readonly layers: number;
  /** Attention heads per block. */
  readonly heads: number;
  /** Number of tokens in the vocabulary. */
  readonly vocabulary: number;
  /** Longest sequence. */
  readonly positions: number;
  /** ε of every layer norm. */
  readonly epsilon: number;
  /** Name of the activation. */
  readonly activation: string;
  /** True if attention and MLP both read the block's input, false if the MLP reads their sum. */
  readonly isParallel: boolean;
  /** True if the output head is the token embedding. */
  readonly isTied: boolean;
  /** Share of the embeddings and of what sublayers add that training zeroes. */
  readonly dropout: number;
  /** Token that pads the sequences of a classifier. */
  readonly padding?: number;
  /** θ_i by which a position turns the i-th pair of columns, in radians; the other columns are not turned. */
  readonly frequencies: Float64Array;
}

const activations = ["gelu", "gelu_fast", "gelu_new", "gelu_pytorch_tanh", "relu"];

/**
 * Reads a `gpt_neox` configuration with Hugging Face's defaults for absent fields.
 *
 * @throws {RangeError} when a field is missing or has a value that is not supported.
 */
export function parseGptNeoxConfig(json: ConfigJson): GptNeoxConfig {
  assertOneOf(json, "hidden_act", activations);
  const width = count(json, "hidden_size"), heads = headsOf(json, width), { pad_token_id } = json;
  return {
    ...{ width, heads },
    layers: count(json, "num_hidden_layers"),
    vocabulary: count(json, "vocab_size"),
    positions: statedPositions(json),
    epsilon: epsilonOf(json, "layer_norm_eps", 1e-5),
    activation: String(json.hidden_act ?? "gelu"),
    isParallel: flagOr(json, "use_parallel_residual", true),
    isTied: flagOr(json, "tie_word_embeddings", false),
    dropout: rateOr(json, "hidden_dropout", 0),
    ...(Number.isSafeInteger(pad_token_id) ? { padding: pad_token_id as number } : {}),
    frequencies: frequenciesOf(json, width / heads),
  };
}

/** The frequencies of the columns that are turned; transformers 4 has fields of its own for their share and base. */
function frequenciesOf(json: ConfigJson, headWidth: number): Float64Array {
  if (headWidth > mostHeadColumns) {
    throw fieldError(
      json,
      "num_attention_heads",
      `leave at most ${mostHeadColumns} columns a head`,
    );
  }
  const parameters = isRecord(json.rope_parameters) ? json.rope_parameters : {};
  const share = parameters.partial_rotary_factor ?? json.rotary_pct ?? 0.25;
  const turned = Math.trunc(headWidth * Number(share));
  if (typeof share !== "number" || turned < 2 || turned > headWidth || turned % 2 !== 0) {
    const rule = `turn an even number of a head's ${headWidth} columns`;
    throw fieldError({ ...json, rotary_pct: share }, "rotary_pct", rule);
  }
  return rotaryFrequencies({ ...json, rope_theta: json.rotary_emb_base }, turned);
}

/**
 * A configuration that has been checked, with the number of a classifier's labels.
 *
 * @throws {RangeError} As {@link parseGptNeoxConfig}.
 */
export function completeGptNeoxConfig(json: ConfigJson): ConfigJson {
  parseGptNeoxConfig(json);
  const top = headOf(json, "language");
  // Only transformers' classifier of tokens reads the field, whose default it writes into every file.
  const rest = { ...json, classifier_dropout: 0 };
  return top.kind === "classes" ? { ...rest, num_labels: top.labels } : rest;
}
