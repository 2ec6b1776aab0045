/** Qwen3 (Yang et al. 2025): Llama's layers, with norms of queries and keys. @module */

import type { Architecture } from "../architecture.ts";
import { type ConfigJson, flagOr } from "../config_fields.ts";
import {
  attentionRows,
  blockNorms,
  completeLlamaConfig,
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

/**
 * A configuration that has been checked, with its own defaults where they are not Llama's. As in transformers, it
 * has no window unless `use_sliding_window`, which is refused.
 *
 * @throws {RangeError} when a field is missing or has a value that is not supported.
 */
export function completeQwen3Config(json: ConfigJson): ConfigJson {
  const { head_dim, max_position_embeddings } = json;
  return completeLlamaConfig({
    ...json,
    head_dim: head_dim ?? headWidth,
    max_position_embeddings: max_position_embeddings ?? 32768,
    sliding_window: flagOr(json, "use_sliding_window", false) ? json.sliding_window : null,
  });
}
