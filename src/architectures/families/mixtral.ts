/** Mixtral (Jiang et al. 2024): Mistral's attention, and experts of which a router chooses two. @module */

import { type Architecture, type LayerSpec, linear, repeat } from "../architecture.ts";
import { type ConfigJson, count } from "../config_fields.ts";
import { blockNorms, decoderArchitecture, groupedAttention } from "./llama.ts";

/**
 * The architecture of a `mixtral` configuration, as files have it: a linear layer for each matrix of each
 * expert, which transformers 5 fuses when it loads them.
 */
export function mixtralArchitecture(json: ConfigJson): Architecture {
  return decoderArchitecture(json, (at, d) => [
    ...groupedAttention(`${at}.self_attn`, json, d),
    ...experts(`${at}.block_sparse_moe`, json, d),
    ...blockNorms(at, d, ["input_layernorm", "post_attention_layernorm"]),
  ]);
}

function experts(at: string, json: ConfigJson, d: number): LayerSpec[] {
  const number = count(json, "num_local_experts"), inner = count(json, "intermediate_size");
  return [
    linear(`${at}.gate`, [number, d], { bias: false }),
    ...repeat(number, (i) => [
      linear(`${at}.experts.${i}.w1`, [inner, d], { parts: "up", bias: false }),
      linear(`${at}.experts.${i}.w2`, [d, inner], { parts: "down", bias: false }),
      linear(`${at}.experts.${i}.w3`, [inner, d], { parts: "up", bias: false }),
    ]),
  ];
}
