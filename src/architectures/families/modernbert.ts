/** ModernBERT (Warner et al. 2024). @module */

import {
  type Architecture,
  architectureFrom,
  embedding,
  fusedParts,
  head,
  type LayerSpec,
  linear,
  norm,
  other,
  repeat,
  tensor,
} from "../architecture.ts";
import { type ConfigJson, count, flagOr, type Head, headOf } from "../config_fields.ts";

/** The architecture of a `modernbert` configuration. */
export function modernbertArchitecture(json: ConfigJson): Architecture {
  const d = count(json, "hidden_size"), top = headOf(json, "none");
  const at = top.kind === "none" ? "" : "model.", bias = flagOr(json, "norm_bias", false);
  return architectureFrom({
    ...{ modelType: "modernbert", head: top.kind, trunk: at, peftTargets: [] },
    layers: [
      embedding(`${at}embeddings.tok_embeddings`, [count(json, "vocab_size"), d]),
      norm(`${at}embeddings.norm`, d, { bias }),
      ...repeat(count(json, "num_hidden_layers"), (i) => block(`${at}layers.${i}`, json, d, i)),
      norm(`${at}final_norm`, d, { bias }),
      ...topLayers(json, top, d),
    ],
  });
}

/** The first block has no norm before its attention: the embeddings have one. */
function block(at: string, json: ConfigJson, d: number, index: number): LayerSpec[] {
  const inner = count(json, "intermediate_size"), parts = fusedParts(d);
  const [attention, feedForward, norms] = ["attention_bias", "mlp_bias", "norm_bias"]
    .map((field) => ({ bias: flagOr(json, field, false) }));
  return [
    ...(index === 0 ? [] : [norm(`${at}.attn_norm`, d, norms)]),
    linear(`${at}.attn.Wqkv`, [3 * d, d], { parts, ...attention }),
    linear(`${at}.attn.Wo`, [d, d], { parts: "o", ...attention }),
    norm(`${at}.mlp_norm`, d, norms),
    linear(`${at}.mlp.Wi`, [2 * inner, d], { parts: "up", ...feedForward }),
    linear(`${at}.mlp.Wo`, [d, inner], { parts: "down", ...feedForward }),
  ];
}

function topLayers(json: ConfigJson, top: Head, d: number): LayerSpec[] {
  if (top.kind === "none") return [];
  const bias = flagOr(json, "classifier_bias", false);
  return [
    linear("head.dense", [d, d], { bias }),
    norm("head.norm", d, { bias: flagOr(json, "norm_bias", false) }),
    ...(top.kind === "classes"
      ? [head("classifier", [top.labels, d], { bias: true })]
      : decoder(json, d)),
  ];
}

/** The last layer of the masked-language head, whose weight may be the embedding. */
function decoder(json: ConfigJson, d: number): LayerSpec[] {
  const vocabulary = count(json, "vocab_size"), bias = flagOr(json, "decoder_bias", true);
  if (!flagOr(json, "tie_word_embeddings", true)) {
    return [head("decoder", [vocabulary, d], { bias })];
  }
  return bias ? [other(tensor("decoder.bias", vocabulary))] : [];
}
