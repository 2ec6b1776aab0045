/** Qwen3 (Yang et al. 2025): Llama's layers, with norms of queries and keys. @module */

import type { Architecture } from "../architecture.ts";
import { type ConfigJson, count } from "../config_fields.ts";
import {
  blockNorms,
  completeLlamaConfig,
  decoderArchitecture,
  gatedFeedForward,
  groupedAttention,
} from "./llama.ts";

/** The architecture of a `qwen3` configuration. */
export function qwen3Architecture(json: ConfigJson): Architecture {
  const full = withHeadWidth(json), headWidth = count(full, "head_dim");
  return decoderArchitecture(full, (at, d) => [
    ...groupedAttention(`${at}.self_attn`, full, d),
    ...blockNorms(`${at}.self_attn`, headWidth, ["q_norm", "k_norm"]),
    ...gatedFeedForward(`${at}.mlp`, full, d),
    ...blockNorms(at, d, ["input_layernorm", "post_attention_layernorm"]),
  ]);
}

/**
 * A configuration that has been checked, with its own width of a head.
 *
 * @throws {RangeError} when a field is missing or has a value that is not supported.
 */
export function completeQwen3Config(json: ConfigJson): ConfigJson {
  return completeLlamaConfig(withHeadWidth(json));
}

/** A configuration with the width of a head: 128 where no field says so. */
function withHeadWidth(json: ConfigJson): ConfigJson {
  return { ...json, head_dim: json.head_dim ?? 128 };
}
