/** Qwen3 (Yang et al. 2025): Llama's layers, with norms of queries and keys. @module */

import type { Architecture } from "../architecture.ts";
import type { ConfigJson } from "../config_fields.ts";
import {
  attentionRows,
  blockNorms,
  decoderArchitecture,
  gatedFeedForward,
  groupedAttention,
} from "./llama.ts";

/** Width of a head where no field says so. */
const headWidth = 128;

/** The architecture of a `qwen3` configuration. */
export function qwen3Architecture(json: ConfigJson): Architecture {
  return decoderArchitecture(json, (at, d) => {
    const self = `${at}.self_attn`, { width } = attentionRows(json, d, headWidth);
    return [
      ...groupedAttention(self, json, d, { headWidth }),
      ...blockNorms(self, width, ["q_norm", "k_norm"]),
      ...gatedFeedForward(`${at}.mlp`, json, d),
      ...blockNorms(at, d, ["input_layernorm", "post_attention_layernorm"]),
    ];
  });
}
