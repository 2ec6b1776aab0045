/** GPT-2, and GPT-3 as a GPT-2 of its size. @module */

import { type ConfigJson, count, countOr, flagOr, headOf, wrong } from "./fields.ts";
import { bias, layers, norm, type TensorShape, weight } from "./tensor_shape.ts";

/** The tensors of a `gpt2` configuration. */
export function gpt2Tensors(json: ConfigJson): TensorShape[] {
  if (flagOr(json, "add_cross_attention", false)) throw wrong(json, "add_cross_attention", "false");
  const d = count(json, "n_embd"), vocabulary = count(json, "vocab_size");
  const inner = countOr(json, "n_inner", 4 * d), head = headOf(json, "language");
  const at = head.kind === "none" ? "" : "transformer.";
  const isTied = flagOr(json, "tie_word_embeddings", true);
  return [
    weight(`${at}wte`, vocabulary, d),
    weight(`${at}wpe`, count(json, "n_positions"), d),
    ...layers(count(json, "n_layer"), (layer) => block(`${at}h.${layer}`, d, inner)),
    ...norm(`${at}ln_f`, d),
    ...(head.kind === "language" && !isTied ? [weight("lm_head", vocabulary, d)] : []),
    ...(head.kind === "classes" ? [weight("score", head.labels, d)] : []),
  ];
}

function block(at: string, d: number, inner: number): TensorShape[] {
  return [
    ...norm(`${at}.ln_1`, d),
    ...conv1d(`${at}.attn.c_attn`, d, 3 * d),
    ...conv1d(`${at}.attn.c_proj`, d, d),
    ...norm(`${at}.ln_2`, d),
    ...conv1d(`${at}.mlp.c_fc`, d, inner),
    ...conv1d(`${at}.mlp.c_proj`, inner, d),
  ];
}

/** GPT-2's files hold these weights as (in, out). */
function conv1d(module: string, inputs: number, outputs: number): TensorShape[] {
  return [weight(module, inputs, outputs), bias(module, outputs)];
}
