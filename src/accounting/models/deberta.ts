/** DeBERTa, the first version and the second. @module */

import { blocks, embeddings, type EncoderSize, encoderSize, maskedHead } from "./encoder.ts";
import { type ConfigJson, count, flagOr, headOf } from "./fields.ts";
import { bias, linear, norm, type TensorShape, weight } from "./tensor_shape.ts";

/** The tensors of a `deberta` configuration. */
export function debertaTensors(json: ConfigJson): TensorShape[] {
  const size = encoderSize(json), { d } = size, uses = positionTerms(json);
  const attention = (self: string): TensorShape[] => [
    { name: `${self}.q_bias`, shape: [d] },
    { name: `${self}.v_bias`, shape: [d] },
    weight(`${self}.in_proj`, 3 * d, d),
    ...(uses("c2p") ? [weight(`${self}.pos_proj`, d, d)] : []),
    ...(uses("p2c") ? linear(`${self}.pos_q_proj`, d, d) : []),
  ];
  return withHead(json, (at) => [
    ...embeddings(at, json),
    ...blocks(at, size, attention),
    ...(isRelative(json) ? [relative(at, size, 2 * longestDistance(json))] : []),
  ]);
}

/** The tensors of a `deberta-v2` configuration. */
export function debertaV2Tensors(json: ConfigJson): TensorShape[] {
  const size = encoderSize(json), { d } = size, uses = positionTerms(json);
  const ownKeys = !flagOr(json, "share_att_key", false);
  const attention = (self: string): TensorShape[] => [
    ...["query_proj", "key_proj", "value_proj"].flatMap((name) => linear(`${self}.${name}`, d, d)),
    ...(ownKeys && uses("c2p") ? linear(`${self}.pos_key_proj`, d, d) : []),
    ...(ownKeys && uses("p2c") ? linear(`${self}.pos_query_proj`, d, d) : []),
  ];
  return withHead(json, (at) => [
    ...embeddings(at, json),
    ...blocks(at, size, attention),
    ...(isRelative(json) ? [relative(at, size, 2 * distances(json))] : []),
    ...(String(json.norm_rel_ebd).includes("layer_norm") ? norm(`${at}encoder.LayerNorm`, d) : []),
    ...convolution(at, json, d),
  ]);
}

function withHead(json: ConfigJson, body: (at: string) => TensorShape[]): TensorShape[] {
  const head = headOf(json, "none"), size = encoderSize(json), { d } = size;
  switch (head.kind) {
    case "none":
      return body("");
    case "language":
      return [...body("deberta."), ...maskedHead(size)];
    case "classes":
      return [
        ...body("deberta."),
        ...linear("pooler.dense", d, d),
        ...linear("classifier", head.labels, d),
      ];
  }
}

/** Real configurations spell the terms of the attention's score `c2p|p2c` or as a list. */
function positionTerms(json: ConfigJson): (term: string) => boolean {
  const terms = Array.isArray(json.pos_att_type)
    ? json.pos_att_type
    : String(json.pos_att_type ?? "").toLowerCase().split("|").map((term) => term.trim());
  return (term) => isRelative(json) && terms.includes(term);
}

const isRelative = (json: ConfigJson): boolean => flagOr(json, "relative_attention", false);

const relative = (at: string, { d }: EncoderSize, rows: number): TensorShape =>
  weight(`${at}encoder.rel_embeddings`, rows, d);

function longestDistance(json: ConfigJson): number {
  const limit = Number(json.max_relative_positions ?? -1);
  return limit < 1 ? count(json, "max_position_embeddings") : limit;
}

/** Distances fall into buckets where the configuration has any. */
function distances(json: ConfigJson): number {
  const buckets = Number(json.position_buckets ?? -1);
  return buckets > 0 ? buckets : longestDistance(json);
}

function convolution(at: string, json: ConfigJson, d: number): TensorShape[] {
  const width = Number(json.conv_kernel_size ?? 0), module = `${at}encoder.conv`;
  if (!(width > 0)) return [];
  return [
    weight(`${module}.conv`, d, d, width),
    bias(`${module}.conv`, d),
    ...norm(`${module}.LayerNorm`, d),
  ];
}
