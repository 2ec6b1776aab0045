/** Falcon (Almazrouei et al. 2023), in its three layouts of queries, keys and values. @module */

import {
  type Architecture,
  architectureFrom,
  embedding,
  head,
  type LayerParts,
  type LayerSpec,
  linear,
  norm,
  partsByHead,
  repeat,
} from "../architecture.ts";
import {
  type ConfigJson,
  count,
  countNamed,
  countOr,
  flagOr,
  headOf,
  headsOf,
} from "../config_fields.ts";

/** The architecture of a `falcon` configuration. */
export function falconArchitecture(json: ConfigJson): Architecture {
  const d = countNamed(json, ["hidden_size", "n_embed"]), vocabulary = count(json, "vocab_size");
  const depth = countNamed(json, ["num_hidden_layers", "n_layer"]);
  const top = headOf(json, "language"), at = top.kind === "none" ? "" : "transformer.";
  const hasHead = top.kind === "language" && !flagOr(json, "tie_word_embeddings", true);
  return architectureFrom({
    ...{ modelType: "falcon", head: top.kind, trunk: at, peftTargets: ["query_key_value"] },
    layers: [
      embedding(`${at}word_embeddings`, [vocabulary, d]),
      ...repeat(depth, (i) => block(`${at}h.${i}`, json, d)),
      norm(`${at}ln_f`, d),
      ...(hasHead ? [head("lm_head", [vocabulary, d])] : []),
      ...(top.kind === "classes" ? [head("score", [top.labels, d])] : []),
    ],
  });
}

function block(at: string, json: ConfigJson, d: number): LayerSpec[] {
  const bias = flagOr(json, "bias", false), parts = attentionParts(json, d);
  const inner = countOr(json, "ffn_hidden_size", 4 * d);
  const rows = Object.values(parts).flat().reduce((sum, { count }) => sum + count, 0);
  return [
    linear(`${at}.self_attention.query_key_value`, [rows, d], { parts, bias }),
    linear(`${at}.self_attention.dense`, [d, d], { parts: "o", bias }),
    linear(`${at}.mlp.dense_h_to_4h`, [inner, d], { parts: "up", bias }),
    linear(`${at}.mlp.dense_4h_to_h`, [d, inner], { parts: "down", bias }),
    ...normNames(json).map((name) => norm(`${at}.${name}`, d)),
  ];
}

const isNew = (json: ConfigJson): boolean => flagOr(json, "new_decoder_architecture", false);

function attentionParts(json: ConfigJson, d: number): LayerParts {
  const heads = headsOf(json, d, ["num_attention_heads", "n_head"]), width = d / heads;
  if (isNew(json)) return groupParts(heads, countOr(json, "num_kv_heads", heads), width);
  if (!flagOr(json, "multi_query", true)) return partsByHead(heads, width);
  return {
    q: { start: 0, count: d },
    k: { start: d, count: width },
    v: { start: d + width, count: width },
  };
}

/** One group after the other: its queries, then its key and its value. */
function groupParts(heads: number, groups: number, width: number): LayerParts {
  const own = heads / groups, rows = (own + 2) * width;
  const ranges = (before: number, heads: number) =>
    Array.from({ length: groups }, (_, group) => ({
      start: group * rows + before * width,
      count: heads * width,
    }));
  return { q: ranges(0, own), k: ranges(own, 1), v: ranges(own + 1, 1) };
}

function normNames(json: ConfigJson): string[] {
  const isParallel = flagOr(json, "parallel_attn", true);
  const norms = countOr(json, "num_ln_in_parallel_attn", isNew(json) ? 2 : 1);
  if (isNew(json) && norms === 2) return ["ln_attn", "ln_mlp"];
  return [...(isParallel ? [] : ["post_attention_layernorm"]), "input_layernorm"];
}
