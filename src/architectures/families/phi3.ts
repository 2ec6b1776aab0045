/** Phi-3 (Abdin et al. 2024): Llama's layers, with q, k and v in one and both widening ones in one. @module */

import { type Architecture, type LayerSpec, linear } from "../architecture.ts";
import { type ConfigJson, count } from "../config_fields.ts";
import { attentionRows, blockNorms, decoderArchitecture } from "./llama.ts";

/** The architecture of a `phi3` configuration. */
export function phi3Architecture(json: ConfigJson): Architecture {
  return decoderArchitecture(json, (at, d) => [
    ...attention(`${at}.self_attn`, json, d),
    ...feedForward(`${at}.mlp`, json, d),
    ...blockNorms(at, d, ["input_layernorm", "post_attention_layernorm"]),
  ], { peftTargets: [] });
}

function attention(at: string, json: ConfigJson, d: number): LayerSpec[] {
  const { queries, keys } = attentionRows(json, d);
  const parts = {
    q: { start: 0, count: queries },
    k: { start: queries, count: keys },
    v: { start: queries + keys, count: keys },
  };
  return [
    linear(`${at}.o_proj`, [d, queries], { parts: "o", bias: false }),
    linear(`${at}.qkv_proj`, [queries + 2 * keys, d], { parts, bias: false }),
  ];
}

function feedForward(at: string, json: ConfigJson, d: number): LayerSpec[] {
  const inner = count(json, "intermediate_size");
  return [
    linear(`${at}.gate_up_proj`, [2 * inner, d], { parts: "up", bias: false }),
    linear(`${at}.down_proj`, [d, inner], { parts: "down", bias: false }),
  ];
}
