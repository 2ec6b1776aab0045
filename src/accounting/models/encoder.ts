/** What BERT and its descendants share. @module */

import { type ConfigJson, count, countOr, flagOr } from "./fields.ts";
import { layers, linear, norm, type TensorShape, weight } from "./tensor_shape.ts";

/** The extents of an encoder. */
export interface EncoderSize {
  /** Width of the residual stream. */
  readonly d: number;
  /** Width of the feed-forward layer. */
  readonly inner: number;
  /** Number of blocks. */
  readonly depth: number;
  /** Number of tokens. */
  readonly vocabulary: number;
}

/** The extents that every encoder's configuration states. */
export function encoderSize(json: ConfigJson): EncoderSize {
  return {
    d: count(json, "hidden_size"),
    inner: count(json, "intermediate_size"),
    depth: count(json, "num_hidden_layers"),
    vocabulary: count(json, "vocab_size"),
  };
}

/** Token, position and type embeddings, as far as there are any, and their norm. */
export function embeddings(at: string, json: ConfigJson): TensorShape[] {
  const { d, vocabulary } = encoderSize(json), types = countOr(json, "type_vocab_size", 0);
  const hasPositions = flagOr(json, "position_biased_input", true);
  const positions = count(json, "max_position_embeddings");
  return [
    weight(`${at}embeddings.word_embeddings`, vocabulary, d),
    ...(hasPositions ? [weight(`${at}embeddings.position_embeddings`, positions, d)] : []),
    ...(types > 0 ? [weight(`${at}embeddings.token_type_embeddings`, types, d)] : []),
    ...norm(`${at}embeddings.LayerNorm`, d),
  ];
}

/** All blocks, of which `attention` gives the input projections. */
export function blocks(
  at: string,
  { d, inner, depth }: EncoderSize,
  attention: (at: string) => TensorShape[],
): TensorShape[] {
  return layers(depth, (layer) => {
    const block = `${at}encoder.layer.${layer}`;
    return [
      ...attention(`${block}.attention.self`),
      ...linear(`${block}.attention.output.dense`, d, d),
      ...norm(`${block}.attention.output.LayerNorm`, d),
      ...linear(`${block}.intermediate.dense`, inner, d),
      ...linear(`${block}.output.dense`, d, inner),
      ...norm(`${block}.output.LayerNorm`, d),
    ];
  });
}

/** Masked-token head of BERT and DeBERTa; its output weight is the token embedding. */
export function maskedHead({ d, vocabulary }: EncoderSize): TensorShape[] {
  return [
    { name: "cls.predictions.bias", shape: [vocabulary] },
    ...linear("cls.predictions.transform.dense", d, d),
    ...norm("cls.predictions.transform.LayerNorm", d),
  ];
}
