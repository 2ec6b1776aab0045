/** GPT-NeoX (Black et al. 2022), whose layers Pythia has (Biderman et al. 2023). @module */

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
import { type ConfigJson, count, flagOr, headOf, headsOf } from "../config_fields.ts";

/** The architecture of a `gpt_neox` configuration. */
export function gptNeoxArchitecture(json: ConfigJson): Architecture {
  const d = count(json, "hidden_size"), vocabulary = count(json, "vocab_size");
  const top = headOf(json, "language"), at = top.kind === "none" ? "" : "gpt_neox.";
  const hasHead = top.kind === "language" && !flagOr(json, "tie_word_embeddings", false);
  return architectureFrom({
    modelType: "gpt_neox",
    head: top.kind,
    trunk: at,
    peftTargets: ["query_key_value"],
    layers: [
      embedding(`${at}embed_in`, [vocabulary, d]),
      ...repeat(count(json, "num_hidden_layers"), (i) => block(`${at}layers.${i}`, json, d)),
      norm(`${at}final_layer_norm`, d),
      ...(hasHead ? [head("lm_head", [vocabulary, d])] : []),
      ...(top.kind === "classes" ? [head("score", [top.labels, d])] : []),
    ],
  });
}

function block(at: string, json: ConfigJson, d: number): LayerSpec[] {
  const heads = headsOf(json, d), inner = count(json, "intermediate_size");
  const bias = flagOr(json, "attention_bias", true), parts = partsByHead(heads, d / heads);
  return [
    norm(`${at}.input_layernorm`, d),
    norm(`${at}.post_attention_layernorm`, d),
    linear(`${at}.attention.query_key_value`, [3 * d, d], { parts, bias }),
    linear(`${at}.attention.dense`, [d, d], { parts: "o", bias }),
    linear(`${at}.mlp.dense_h_to_4h`, [inner, d], { parts: "up" }),
    linear(`${at}.mlp.dense_4h_to_h`, [d, inner], { parts: "down" }),
  ];
}
