/** Layers that BERT and its descendants share. @module */

import type { LayerSpec } from "./architecture.ts";
import { type ConfigJson, count, countOr, flagOr } from "./config_fields.ts";
import { embedding, linear, norm, other, repeat, tensor } from "./layers.ts";

/** The sizes of an encoder. */
export interface EncoderSizes {
  /** Width of the residual stream. */
  readonly d: number;
  /** Width of the feed-forward layer. */
  readonly inner: number;
  /** Number of blocks. */
  readonly depth: number;
  /** Number of tokens in the vocabulary. */
  readonly vocabulary: number;
}

/** The sizes that every encoder's configuration states. */
export function encoderSizes(json: ConfigJson): EncoderSizes {
  return {
    d: count(json, "hidden_size"),
    inner: count(json, "intermediate_size"),
    depth: count(json, "num_hidden_layers"),
    vocabulary: count(json, "vocab_size"),
  };
}

/** Embeddings and blocks; `attention` returns the input projections of a block's attention. */
export function encoder(
  at: string,
  json: ConfigJson,
  attention: (self: string) => LayerSpec[],
): LayerSpec[] {
  const sizes = encoderSizes(json);
  return [
    ...embeddings(at, json, sizes),
    ...repeat(sizes.depth, (layer) => block(`${at}encoder.layer.${layer}`, sizes, attention)),
  ];
}

/** Token, position and type embeddings, whichever there are, and their norm. */
function embeddings(at: string, json: ConfigJson, { d, vocabulary }: EncoderSizes): LayerSpec[] {
  const types = countOr(json, "type_vocab_size", 0);
  const hasPositions = flagOr(json, "position_biased_input", true);
  const positions = count(json, "max_position_embeddings");
  return [
    embedding(`${at}embeddings.word_embeddings`, [vocabulary, d]),
    ...(hasPositions ? [embedding(`${at}embeddings.position_embeddings`, [positions, d])] : []),
    ...(types > 0 ? [embedding(`${at}embeddings.token_type_embeddings`, [types, d])] : []),
    norm(`${at}embeddings.LayerNorm`, d),
  ];
}

function block(
  at: string,
  { d, inner }: EncoderSizes,
  attention: (self: string) => LayerSpec[],
): LayerSpec[] {
  return [
    ...attention(`${at}.attention.self`),
    linear(`${at}.attention.output.dense`, [d, d], { parts: "o" }),
    norm(`${at}.attention.output.LayerNorm`, d),
    linear(`${at}.intermediate.dense`, [inner, d], { parts: "up" }),
    linear(`${at}.output.dense`, [d, inner], { parts: "down" }),
    norm(`${at}.output.LayerNorm`, d),
  ];
}

/** Query, key and value projections as three layers. */
export function separateAttention(
  self: string,
  d: number,
  [query, key, value]: readonly [string, string, string],
): LayerSpec[] {
  return [
    linear(`${self}.${query}`, [d, d], { parts: "q" }),
    linear(`${self}.${key}`, [d, d], { parts: "k" }),
    linear(`${self}.${value}`, [d, d], { parts: "v" }),
  ];
}

/** Masked-language head of BERT and DeBERTa; its output weight is the token embedding. */
export function maskedHead({ d, vocabulary }: EncoderSizes): LayerSpec[] {
  return [
    other(tensor("cls.predictions.bias", vocabulary)),
    linear("cls.predictions.transform.dense", [d, d]),
    norm("cls.predictions.transform.LayerNorm", d),
  ];
}
