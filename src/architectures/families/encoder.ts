/** Layers that BERT and its descendants share. @module */

import {
  embedding,
  head,
  type LayerSpec,
  linear,
  norm,
  other,
  repeat,
  tensor,
} from "../architecture.ts";
import { type ConfigJson, count, countOr, flagOr } from "../config_fields.ts";

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

/** The input projections of an attention by its path. */
type InputProjections = (self: string) => LayerSpec[];

/** Embeddings and blocks, each with one attention or, by name, several. */
export function encoder(
  at: string,
  json: ConfigJson,
  projections: InputProjections,
  attentions: readonly string[] = ["attention"],
): LayerSpec[] {
  const sizes = encoderSizes(json);
  return [
    ...embeddings(at, json, sizes),
    ...repeat(sizes.depth, (i) => {
      const layer = `${at}encoder.layer.${i}`;
      return [
        ...attentions.flatMap((name) => attention(`${layer}.${name}`, sizes, projections)),
        ...feedForward(layer, sizes),
      ];
    }),
  ];
}

/** Token, position and type embeddings, whichever there are, and their norm. */
export function embeddings(
  at: string,
  json: ConfigJson,
  { d, vocabulary }: EncoderSizes,
): LayerSpec[] {
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

function attention(at: string, { d }: EncoderSizes, projections: InputProjections): LayerSpec[] {
  return [
    ...projections(`${at}.self`),
    linear(`${at}.output.dense`, [d, d], { parts: "o" }),
    norm(`${at}.output.LayerNorm`, d),
  ];
}

/** A block's two projections and their norm. */
export function feedForward(at: string, { d, inner }: EncoderSizes): LayerSpec[] {
  return [
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

/** Masked-language head of BERT and DeBERTa. */
export function maskedHead(json: ConfigJson, { d, vocabulary }: EncoderSizes): LayerSpec[] {
  return [
    other(tensor("cls.predictions.bias", vocabulary)),
    linear("cls.predictions.transform.dense", [d, d]),
    norm("cls.predictions.transform.LayerNorm", d),
    ...untiedDecoder("cls.predictions.decoder", json),
  ];
}

/** A masked-language head's last layer, unless its weight is the token embedding. */
export function untiedDecoder(name: string, json: ConfigJson): LayerSpec[] {
  const { d, vocabulary } = encoderSizes(json);
  if (flagOr(json, "tie_word_embeddings", true)) return [];
  return [head(name, [vocabulary, d], { bias: true })];
}
