/** DistilBERT (Sanh et al. 2019). @module */

import {
  type Architecture,
  architectureFrom,
  embedding,
  head,
  type LayerSpec,
  linear,
  norm,
  other,
  repeat,
  tensor,
} from "../architecture.ts";
import { type ConfigJson, count, flagOr, type Head, headOf } from "../config_fields.ts";

/** The architecture of a `distilbert` configuration. */
export function distilbertArchitecture(json: ConfigJson): Architecture {
  const d = count(json, "dim"), top = headOf(json, "none");
  const at = top.kind === "none" ? "" : "distilbert.";
  return architectureFrom({
    ...{ modelType: "distilbert", head: top.kind, trunk: at, peftTargets: [] },
    layers: [
      embedding(`${at}embeddings.word_embeddings`, [count(json, "vocab_size"), d]),
      embedding(`${at}embeddings.position_embeddings`, [count(json, "max_position_embeddings"), d]),
      norm(`${at}embeddings.LayerNorm`, d),
      ...repeat(count(json, "n_layers"), (i) => block(`${at}transformer.layer.${i}`, json, d)),
      ...topLayers(json, top, d),
    ],
  });
}

function block(at: string, json: ConfigJson, d: number): LayerSpec[] {
  const inner = count(json, "hidden_dim");
  return [
    ...(["q", "k", "v"] as const).map((role) =>
      linear(`${at}.attention.${role}_lin`, [d, d], { parts: role })
    ),
    linear(`${at}.attention.out_lin`, [d, d], { parts: "o" }),
    norm(`${at}.sa_layer_norm`, d),
    linear(`${at}.ffn.lin1`, [inner, d], { parts: "up" }),
    linear(`${at}.ffn.lin2`, [d, inner], { parts: "down" }),
    norm(`${at}.output_layer_norm`, d),
  ];
}

function topLayers(json: ConfigJson, top: Head, d: number): LayerSpec[] {
  const vocabulary = count(json, "vocab_size");
  switch (top.kind) {
    case "none":
      return [];
    case "language":
      return [
        linear("vocab_transform", [d, d]),
        norm("vocab_layer_norm", d),
        flagOr(json, "tie_word_embeddings", true)
          ? other(tensor("vocab_projector.bias", vocabulary))
          : head("vocab_projector", [vocabulary, d], { bias: true }),
      ];
    case "classes":
      // PEFT saves both, as both names end with `classifier`.
      return [
        head("pre_classifier", [d, d], { bias: true }),
        head("classifier", [top.labels, d], { bias: true }),
      ];
  }
}
