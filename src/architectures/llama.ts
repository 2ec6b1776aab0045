/**
 * Llama (Touvron et al. 2023), and Mistral (Jiang et al. 2023) and Qwen2 (Yang et al. 2024), which have
 * the same layers; what other decoders share with them.
 *
 * @module
 */

import { type Architecture, architectureFrom, type LayerSpec } from "./architecture.ts";
import { type ConfigJson, count, countOr, flagOr, headOf } from "./config_fields.ts";
import { embedding, head, linear, norm, repeat } from "./layers.ts";

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

/** What differs between decoders with Llama's names. */
interface DecoderOptions {
  /** Whether the head is the embedding where no field says so. Default false. */
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

/** What differs between attentions with Llama's names. */
interface AttentionOptions {
  /** Whether q, k and v have biases where no field says so. Default false. */
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
