/** T5. @module */

import { type ConfigJson, count, countOr, flagOr, headOf, wrong } from "./fields.ts";
import { layers, type TensorShape, weight } from "./tensor_shape.ts";

interface Size {
  readonly d: number;
  /** Heads times their width, which need not be `d`. */
  readonly attended: number;
  readonly inner: number;
  readonly isGated: boolean;
  /** Buckets and heads of the first block's table of distances. */
  readonly distances: readonly [number, number];
}

/** The tensors of a `t5` configuration. */
export function t5Tensors(json: ConfigJson): TensorShape[] {
  const size = sizeOf(json), vocabulary = count(json, "vocab_size");
  const encoder = count(json, "num_layers");
  const { kind } = headOf(json, "language"), isTied = flagOr(json, "tie_word_embeddings", true);
  if (kind === "classes") throw wrong(json, "architectures", "T5Model or one with a language head");
  return [
    weight("shared", vocabulary, size.d),
    ...stack("encoder", encoder, size),
    ...stack("decoder", countOr(json, "num_decoder_layers", encoder), size),
    ...(kind === "language" && !isTied ? [weight("lm_head", vocabulary, size.d)] : []),
  ];
}

function sizeOf(json: ConfigJson): Size {
  const heads = count(json, "num_heads");
  return {
    d: count(json, "d_model"),
    attended: heads * count(json, "d_kv"),
    inner: count(json, "d_ff"),
    isGated: String(json.feed_forward_proj ?? "relu").startsWith("gated"),
    distances: [countOr(json, "relative_attention_num_buckets", 32), heads],
  };
}

function stack(name: "encoder" | "decoder", depth: number, size: Size): TensorShape[] {
  const blocks = layers(depth, (index) => {
    const block = `${name}.block.${index}.layer`;
    const attentions = name === "encoder"
      ? ["SelfAttention"]
      : ["SelfAttention", "EncDecAttention"];
    return [
      ...attentions.flatMap((kind, i) => attention(`${block}.${i}`, kind, size)),
      ...(index === 0
        ? [weight(`${block}.0.SelfAttention.relative_attention_bias`, ...size.distances)]
        : []),
      ...feedForward(`${block}.${attentions.length}`, size),
    ];
  });
  return [...blocks, weight(`${name}.final_layer_norm`, size.d)];
}

function attention(at: string, kind: string, { d, attended }: Size): TensorShape[] {
  return [
    ...["q", "k", "v"].map((name) => weight(`${at}.${kind}.${name}`, attended, d)),
    weight(`${at}.${kind}.o`, d, attended),
    weight(`${at}.layer_norm`, d),
  ];
}

function feedForward(at: string, { d, inner, isGated }: Size): TensorShape[] {
  const inputs = isGated ? ["wi_0", "wi_1"] : ["wi"];
  return [
    ...inputs.map((name) => weight(`${at}.DenseReluDense.${name}`, inner, d)),
    weight(`${at}.DenseReluDense.wo`, d, inner),
    weight(`${at}.layer_norm`, d),
  ];
}
