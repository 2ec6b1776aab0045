/** BLOOM (BigScience 2022). @module */

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
import { type ConfigJson, count, countNamed, flagOr, headOf, headsOf } from "../config_fields.ts";

/** The architecture of a `bloom` configuration. */
export function bloomArchitecture(json: ConfigJson): Architecture {
  const d = countNamed(json, ["n_embed", "hidden_size"]), vocabulary = count(json, "vocab_size");
  const depth = countNamed(json, ["n_layer", "num_hidden_layers"]);
  const top = headOf(json, "language"), at = top.kind === "none" ? "" : "transformer.";
  const hasHead = top.kind === "language" && !flagOr(json, "tie_word_embeddings", true);
  return architectureFrom({
    ...{ modelType: "bloom", head: top.kind, trunk: at, peftTargets: ["query_key_value"] },
    layers: [
      embedding(`${at}word_embeddings`, [vocabulary, d]),
      norm(`${at}word_embeddings_layernorm`, d),
      ...repeat(depth, (i) => block(`${at}h.${i}`, json, d)),
      norm(`${at}ln_f`, d),
      ...(hasHead ? [head("lm_head", [vocabulary, d])] : []),
      ...(top.kind === "classes" ? [head("score", [top.labels, d])] : []),
    ],
  });
}

function block(at: string, json: ConfigJson, d: number): LayerSpec[] {
  const heads = headsOf(json, d, ["n_head", "num_attention_heads"]);
  const parts = partsByHead(heads, d / heads);
  return [
    norm(`${at}.input_layernorm`, d),
    linear(`${at}.self_attention.query_key_value`, [3 * d, d], { parts }),
    linear(`${at}.self_attention.dense`, [d, d], { parts: "o" }),
    norm(`${at}.post_attention_layernorm`, d),
    linear(`${at}.mlp.dense_h_to_4h`, [4 * d, d], { parts: "up" }),
    linear(`${at}.mlp.dense_4h_to_h`, [d, 4 * d], { parts: "down" }),
  ];
}
