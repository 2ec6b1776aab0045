/**
 * Llama (Touvron et al. 2023), and Mistral (Jiang et al. 2023) and Qwen2 (Yang et al. 2024), which have
 * the same layers.
 *
 * @module
 */

import { type Architecture, architectureFrom, type LayerSpec } from "./architecture.ts";
import { type ConfigJson, count, countOr, flagOr, headOf } from "./config_fields.ts";
import { embedding, head, linear, norm, repeat } from "./layers.ts";

/** The architecture of a `llama`, `mistral` or `qwen2` configuration. */
export function llamaArchitecture(json: ConfigJson): Architecture {
  const d = count(json, "hidden_size"), vocabulary = count(json, "vocab_size");
  const top = headOf(json, "language"), at = top.kind === "none" ? "" : "model.";
  const isTied = flagOr(json, "tie_word_embeddings", false);
  return architectureFrom({
    modelType: String(json.model_type),
    head: top.kind,
    trunk: at,
    peftTargets: ["q_proj", "v_proj"],
    layers: [
      embedding(`${at}embed_tokens`, [vocabulary, d]),
      ...repeat(count(json, "num_hidden_layers"), (i) => block(`${at}layers.${i}`, json, d)),
      norm(`${at}norm`, d, { bias: false }),
      ...(top.kind === "language" && !isTied ? [head("lm_head", [vocabulary, d])] : []),
      ...(top.kind === "classes" ? [head("score", [top.labels, d])] : []),
    ],
  });
}

function block(at: string, json: ConfigJson, d: number): LayerSpec[] {
  return [
    ...attention(`${at}.self_attn`, json, d),
    ...feedForward(`${at}.mlp`, json, d),
    norm(`${at}.input_layernorm`, d, { bias: false }),
    norm(`${at}.post_attention_layernorm`, d, { bias: false }),
  ];
}

/** Attention whose heads may share keys and values (grouped queries). */
function attention(at: string, json: ConfigJson, d: number): LayerSpec[] {
  const heads = count(json, "num_attention_heads");
  const width = countOr(json, "head_dim", Math.floor(d / heads));
  const queries = heads * width, keys = countOr(json, "num_key_value_heads", heads) * width;
  const bias = flagOr(json, "attention_bias", false);
  // Qwen2 has biases only on the q, k and v projections, and no field for them.
  const inputBias = bias || json.model_type === "qwen2";
  return [
    linear(`${at}.q_proj`, [queries, d], { parts: "q", bias: inputBias }),
    linear(`${at}.k_proj`, [keys, d], { parts: "k", bias: inputBias }),
    linear(`${at}.v_proj`, [keys, d], { parts: "v", bias: inputBias }),
    linear(`${at}.o_proj`, [d, queries], { parts: "o", bias }),
  ];
}

/** down(silu(gate(x)) · up(x)); the role `up` names both projections that widen. */
function feedForward(at: string, json: ConfigJson, d: number): LayerSpec[] {
  const inner = count(json, "intermediate_size"), bias = flagOr(json, "mlp_bias", false);
  return [
    linear(`${at}.gate_proj`, [inner, d], { parts: "up", bias }),
    linear(`${at}.up_proj`, [inner, d], { parts: "up", bias }),
    linear(`${at}.down_proj`, [d, inner], { parts: "down", bias }),
  ];
}
