/** Llama, and Mistral and Qwen2, which have its layers. @module */

import { type ConfigJson, count, countOr, flagOr, headOf } from "./fields.ts";
import { bias, layers, type TensorShape, weight } from "./tensor_shape.ts";

/** The tensors of a `llama`, `mistral` or `qwen2` configuration. */
export function llamaTensors(json: ConfigJson): TensorShape[] {
  const d = count(json, "hidden_size"), vocabulary = count(json, "vocab_size");
  const head = headOf(json, "language"), at = head.kind === "none" ? "" : "model.";
  const isTied = flagOr(json, "tie_word_embeddings", false);
  return [
    weight(`${at}embed_tokens`, vocabulary, d),
    ...layers(count(json, "num_hidden_layers"), (layer) => block(`${at}layers.${layer}`, json)),
    weight(`${at}norm`, d),
    ...(head.kind === "language" && !isTied ? [weight("lm_head", vocabulary, d)] : []),
    ...(head.kind === "classes" ? [weight("score", head.labels, d)] : []),
  ];
}

function block(at: string, json: ConfigJson): TensorShape[] {
  const d = count(json, "hidden_size");
  return [
    ...attention(`${at}.self_attn`, json, d),
    ...feedForward(`${at}.mlp`, json, d),
    weight(`${at}.input_layernorm`, d),
    weight(`${at}.post_attention_layernorm`, d),
  ];
}

function attention(at: string, json: ConfigJson, d: number): TensorShape[] {
  const heads = count(json, "num_attention_heads");
  const width = countOr(json, "head_dim", Math.floor(d / heads));
  const queries = heads * width, keys = countOr(json, "num_key_value_heads", heads) * width;
  const hasBias = flagOr(json, "attention_bias", false);
  const project = (name: string, outputs: number, inputs: number, biased: boolean) => [
    weight(`${at}.${name}`, outputs, inputs),
    ...(biased ? [bias(`${at}.${name}`, outputs)] : []),
  ];
  // Qwen2 has biases on the inputs of the attention alone, and no field that says so.
  const biased = hasBias || json.model_type === "qwen2";
  return [
    ...project("q_proj", queries, d, biased),
    ...project("k_proj", keys, d, biased),
    ...project("v_proj", keys, d, biased),
    ...project("o_proj", d, queries, hasBias),
  ];
}

function feedForward(at: string, json: ConfigJson, d: number): TensorShape[] {
  const inner = count(json, "intermediate_size");
  const projections = [["gate_proj", inner, d], ["up_proj", inner, d], ["down_proj", d, inner]];
  const hasBias = flagOr(json, "mlp_bias", false);
  return (projections as [string, number, number][]).flatMap(([name, outputs, inputs]) => [
    weight(`${at}.${name}`, outputs, inputs),
    ...(hasBias ? [bias(`${at}.${name}`, outputs)] : []),
  ]);
}
