/**
 * Llama (Touvron et al. 2023), and Mistral (Jiang et al. 2023) and Qwen2 (Yang et al. 2024), which
 * have the same layers; the parts that other decoders share with them; and the checked
 * configuration of one that is to be run.
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
  repeat,
} from "../architecture.ts";
import {
  assertOneOf,
  type ConfigJson,
  count,
  countOr,
  decoderPositions,
  epsilonOf,
  fieldError,
  flagOr,
  headOf,
} from "../config_fields.ts";

/** The architecture of a `llama`, `mistral` or `qwen2` configuration. */
export function llamaArchitecture(json: ConfigJson): Architecture {
  return decoderArchitecture(json, (at, d) => [
    ...groupedAttention(`${at}.self_attn`, json, d, {
      // Qwen2 has biases only on the q, k and v projections, and no field for them.
      inputBias: json.model_type === "qwen2",
    }),
    ...gatedFeedForward(`${at}.mlp`, json, d),
    ...blockNorms(at, d, ["input_layernorm", "post_attention_layernorm"]),
  ]);
}

/** Options by which decoders with Llama's names differ. */
interface DecoderOptions {
  /** True if the head is the embedding where no field says so. Default false. */
  readonly isTied?: boolean;
  /** PEFT's default. */
  readonly peftTargets?: readonly string[];
}

/** A decoder with Llama's embedding, final norm and heads around its blocks. */
export function decoderArchitecture(
  json: ConfigJson,
  block: (at: string, d: number) => LayerSpec[],
  { isTied = false, peftTargets = ["q_proj", "v_proj"] }: DecoderOptions = {},
): Architecture {
  const d = count(json, "hidden_size"), vocabulary = count(json, "vocab_size");
  const top = headOf(json, "language"), at = top.kind === "none" ? "" : "model.";
  const hasHead = top.kind === "language" && !flagOr(json, "tie_word_embeddings", isTied);
  return architectureFrom({
    modelType: String(json.model_type),
    head: top.kind,
    trunk: at,
    peftTargets,
    layers: [
      embedding(`${at}embed_tokens`, [vocabulary, d]),
      ...repeat(count(json, "num_hidden_layers"), (i) => block(`${at}layers.${i}`, d)),
      norm(`${at}norm`, d, { bias: false }),
      ...(hasHead ? [head("lm_head", [vocabulary, d])] : []),
      ...(top.kind === "classes" ? [head("score", [top.labels, d])] : []),
    ],
  });
}

/** RMS norms of a block. */
export function blockNorms(at: string, d: number, names: readonly string[]): LayerSpec[] {
  return names.map((name) => norm(`${at}.${name}`, d, { bias: false }));
}

/** Rows of the projections of attention whose heads may share keys and values (grouped queries). */
export function attentionRows(json: ConfigJson, d: number, headWidth?: number) {
  const heads = count(json, "num_attention_heads");
  const width = countOr(json, "head_dim", headWidth ?? Math.floor(d / heads));
  return {
    width,
    queries: heads * width,
    keys: countOr(json, "num_key_value_heads", heads) * width,
  };
}

/** Options by which attentions with Llama's names differ. */
interface AttentionOptions {
  /** True if q, k and v have biases where no field says so. Default false. */
  readonly inputBias?: boolean;
  /** Width of a head where no field says so. Default: the width of all, divided. */
  readonly headWidth?: number;
}

/** Query, key, value and output projections. */
export function groupedAttention(
  at: string,
  json: ConfigJson,
  d: number,
  { inputBias = false, headWidth }: AttentionOptions = {},
): LayerSpec[] {
  const { queries, keys } = attentionRows(json, d, headWidth);
  const bias = flagOr(json, "attention_bias", false), inputs = { bias: bias || inputBias };
  return [
    linear(`${at}.q_proj`, [queries, d], { parts: "q", ...inputs }),
    linear(`${at}.k_proj`, [keys, d], { parts: "k", ...inputs }),
    linear(`${at}.v_proj`, [keys, d], { parts: "v", ...inputs }),
    linear(`${at}.o_proj`, [d, queries], { parts: "o", bias }),
  ];
}

/** down(silu(gate(x)) · up(x)); the role `up` names both projections that widen. */
export function gatedFeedForward(at: string, json: ConfigJson, d: number): LayerSpec[] {
  const inner = count(json, "intermediate_size"), bias = flagOr(json, "mlp_bias", false);
  return [
    linear(`${at}.gate_proj`, [inner, d], { parts: "up", bias }),
    linear(`${at}.up_proj`, [inner, d], { parts: "up", bias }),
    linear(`${at}.down_proj`, [d, inner], { parts: "down", bias }),
  ];
}

/** Settings of its forward pass, apart from the shapes of its tensors. */
export interface LlamaConfig {
  /** Width of the residual stream. */
  readonly width: number;
  /** Number of blocks. */
  readonly layers: number;
  /** Heads of queries. */
  readonly heads: number;
  /** Heads of keys and values, each of which several heads of queries may share. */
  readonly kvHeads: number;
  /** Columns of a head. */
  readonly headWidth: number;
  /** Number of tokens in the vocabulary. */
  readonly vocabulary: number;
  /** Longest sequence; that within a sliding window, where all tokens see each other. */
  readonly positions: number;
  /** ε of every RMS norm. */
  readonly epsilon: number;
  /** True if the output head is the token embedding. */
  readonly isTied: boolean;
  /** Token that pads the sequences of a classifier. */
  readonly padding?: number;
  /** θ_i by which a position turns the i-th pair of columns, in radians; half as many as `headWidth`. */
  readonly frequencies: Float64Array;
}

/** Fields that change the result, with the values that the forward pass implements. */
const implemented: Readonly<Record<string, readonly unknown[]>> = {
  hidden_act: ["silu"],
  partial_rotary_factor: [1],
  use_sliding_window: [false],
};

/**
 * Reads a `llama`, `mistral` or `qwen2` configuration with Hugging Face's defaults for absent fields.
 *
 * @throws {RangeError} when a field is missing or has a value that is not supported.
 */
export function parseLlamaConfig(json: ConfigJson): LlamaConfig {
  for (const [field, values] of Object.entries(implemented)) assertOneOf(json, field, values);
  const width = count(json, "hidden_size"), heads = count(json, "num_attention_heads");
  const kvHeads = countOr(json, "num_key_value_heads", heads);
  if (kvHeads === 0 || heads % kvHeads !== 0) {
    throw fieldError(json, "num_key_value_heads", `divide num_attention_heads, ${heads}`);
  }
  const headWidth = headWidthOf(json, width, heads), { pad_token_id } = json;
  return {
    ...{ width, heads, kvHeads, headWidth },
    layers: count(json, "num_hidden_layers"),
    vocabulary: count(json, "vocab_size"),
    positions: decoderPositions(json),
    epsilon: epsilonOf(json, "rms_norm_eps", 1e-6),
    isTied: flagOr(json, "tie_word_embeddings", false),
    ...(Number.isSafeInteger(pad_token_id) ? { padding: pad_token_id as number } : {}),
    frequencies: rotaryFrequencies(json, headWidth),
  };
}

function headWidthOf(json: ConfigJson, width: number, heads: number): number {
  const stated = (json.head_dim ?? undefined) !== undefined;
  if (!stated && width % heads !== 0) {
    throw fieldError(json, "num_attention_heads", `divide hidden_size, ${width}`);
  }
  const headWidth = stated ? count(json, "head_dim") : width / heads;
  if (headWidth % 2 === 0 && headWidth <= mostHeadColumns) return headWidth;
  const rule = `be even, for pairs to turn, and at most ${mostHeadColumns}`;
  throw fieldError({ ...json, head_dim: headWidth }, "head_dim", rule);
}

/**
 * The frequencies of rotary embeddings of so many columns; transformers 5 has `rope_parameters`,
 * version 4 has `rope_theta` and `rope_scaling`.
 *
 * @throws {RangeError} when a field has a value that is not supported.
 */
export function rotaryFrequencies(json: ConfigJson, columns: number): Float64Array {
  const old = isRecord(json.rope_scaling) ? json.rope_scaling : {};
  const rope: ConfigJson = {
    rope_theta: json.rope_theta,
    ...old,
    ...(isRecord(json.rope_parameters) ? json.rope_parameters : {}),
    model_type: json.model_type,
  };
  const theta = positive(rope, "rope_theta", 10000),
    type = rope.rope_type ?? rope.type ?? "default";
  const plain = Float64Array.from(
    { length: columns / 2 },
    (_, i) => theta ** (-2 * i / columns),
  );
  if (type === "default") return plain;
  if (type === "linear") return plain.map((f) => f / positive(rope, "factor"));
  if (type === "llama3") return stretched(plain, rope);
  throw fieldError({ ...rope, rope_type: type }, "rope_type", "be default, linear or llama3");
}

/** Llama 3.1's scaling: long waves are stretched by the factor, short ones are kept, between is between. */
function stretched(plain: Float64Array, rope: ConfigJson): Float64Array {
  const factor = positive(rope, "factor"), low = positive(rope, "low_freq_factor");
  const high = positive(rope, "high_freq_factor");
  const before = positive(rope, "original_max_position_embeddings");
  return plain.map((frequency) => {
    const turns = before * frequency / (2 * Math.PI); // within the sequences of the first training
    const kept = Math.min(1, Math.max(0, (turns - low) / (high - low)));
    return (1 - kept) * frequency / factor + kept * frequency;
  });
}

function positive(json: ConfigJson, field: string, otherwise?: number): number {
  const value = json[field] ?? otherwise;
  if (typeof value === "number" && value > 0 && Number.isFinite(value)) return value;
  throw fieldError(json, field, "be a positive number");
}

/**
 * A configuration that has been checked, with the number of a classifier's labels.
 *
 * @throws {RangeError} As {@link parseLlamaConfig}.
 */
export function completeLlamaConfig(json: ConfigJson): ConfigJson {
  parseLlamaConfig(json);
  const top = headOf(json, "language");
  return top.kind === "classes" ? { ...json, num_labels: top.labels } : json;
}
