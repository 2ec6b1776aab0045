/** T5 (Raffel et al. 2019). @module */

import {
  type Architecture,
  architectureFrom,
  embedding,
  head,
  type LayerSpec,
  linear,
  norm,
  repeat,
} from "../architecture.ts";
import {
  className,
  type ConfigJson,
  count,
  countOr,
  fieldError,
  flagOr,
  headOf,
} from "../config_fields.ts";

interface Sizes {
  readonly d: number;
  /** Number of heads times head width, which need not be `d`. */
  readonly attended: number;
  readonly inner: number;
  readonly isGated: boolean;
  /** Shape of the first block's table of distances: buckets, heads. */
  readonly distances: readonly [number, number];
}

/** The architecture of a `t5` configuration. */
export function t5Architecture(json: ConfigJson): Architecture {
  const sizes = sizesOf(json), { d } = sizes, vocabulary = count(json, "vocab_size");
  const depth = count(json, "num_layers"), decoder = countOr(json, "num_decoder_layers", depth);
  const isEncoder = className(json) === "T5EncoderModel";
  const top = isEncoder ? "none" : headOf(json, "language").kind;
  const isTied = flagOr(json, "tie_word_embeddings", true);
  if (top === "classes") {
    throw fieldError(json, "architectures", "name T5Model, T5EncoderModel or a language model");
  }
  return architectureFrom({
    modelType: "t5",
    head: top,
    trunk: "",
    peftTargets: ["q", "v"],
    layers: [
      embedding("shared", [vocabulary, d]),
      ...stack("encoder", depth, sizes),
      ...(isEncoder ? [] : stack("decoder", decoder, sizes)),
      ...(top === "language" && !isTied ? [head("lm_head", [vocabulary, d])] : []),
    ],
  });
}

function sizesOf(json: ConfigJson): Sizes {
  const heads = count(json, "num_heads");
  return {
    d: count(json, "d_model"),
    attended: heads * count(json, "d_kv"),
    inner: count(json, "d_ff"),
    isGated: String(json.feed_forward_proj ?? "relu").startsWith("gated"),
    distances: [countOr(json, "relative_attention_num_buckets", 32), heads],
  };
}

function stack(name: "encoder" | "decoder", depth: number, sizes: Sizes): LayerSpec[] {
  const attentions = ["SelfAttention", ...(name === "decoder" ? ["EncDecAttention"] : [])];
  const blocks = repeat(depth, (index) => {
    const at = `${name}.block.${index}.layer`;
    const table = `${at}.0.SelfAttention.relative_attention_bias`;
    return [
      ...attentions.flatMap((kind, i) => attention(`${at}.${i}`, kind, sizes)),
      ...(index === 0 ? [embedding(table, sizes.distances)] : []),
      ...feedForward(`${at}.${attentions.length}`, sizes),
    ];
  });
  return [...blocks, norm(`${name}.final_layer_norm`, sizes.d, { bias: false })];
}

function attention(at: string, kind: string, { d, attended }: Sizes): LayerSpec[] {
  return [
    ...(["q", "k", "v"] as const).map((role) =>
      linear(`${at}.${kind}.${role}`, [attended, d], { parts: role, bias: false })
    ),
    linear(`${at}.${kind}.o`, [d, attended], { parts: "o", bias: false }),
    norm(`${at}.layer_norm`, d, { bias: false }),
  ];
}

function feedForward(at: string, { d, inner, isGated }: Sizes): LayerSpec[] {
  const inputs = isGated ? ["wi_0", "wi_1"] : ["wi"];
  return [
    ...inputs.map((name) =>
      linear(`${at}.DenseReluDense.${name}`, [inner, d], { parts: "up", bias: false })
    ),
    linear(`${at}.DenseReluDense.wo`, [d, inner], { parts: "down", bias: false }),
    norm(`${at}.layer_norm`, d, { bias: false }),
  ];
}
