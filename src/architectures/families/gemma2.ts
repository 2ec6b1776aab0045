/** Gemma 2 (Gemma Team 2024): Llama's layers, with a norm before and after each. @module */

import type { Architecture } from "../architecture.ts";
import type { ConfigJson } from "../config_fields.ts";
import { blockNorms, decoderArchitecture, gatedFeedForward, groupedAttention } from "./llama.ts";

const norms = [
  "input_layernorm",
  "post_attention_layernorm",
  "pre_feedforward_layernorm",
  "post_feedforward_layernorm",
];

/** The architecture of a `gemma2` configuration. */
export function gemma2Architecture(json: ConfigJson): Architecture {
  return decoderArchitecture(json, (at, d) => [
    ...groupedAttention(`${at}.self_attn`, json, d, { headWidth: 256 }),
    ...gatedFeedForward(`${at}.mlp`, json, d),
    ...blockNorms(at, d, norms),
  ], { isTied: true });
}
