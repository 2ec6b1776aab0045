/** DeBERTa (He et al. 2020), versions 1 and 2. @module */

import { type Architecture, architectureFrom, type LayerSpec } from "./architecture.ts";
import { assertOneOf, type ConfigJson, count, flagOr, headOf, headsOf } from "./config_fields.ts";
import { encoder, encoderSizes, maskedHead, separateAttention } from "./encoder.ts";
import { embedding, head, linear, norm, other, partsByHead, tensor } from "./layers.ts";

/** The architecture of a `deberta` configuration. */
export function debertaArchitecture(json: ConfigJson): Architecture {
  const { d } = encoderSizes(json), uses = positionTerms(json), heads = headsOf(json, d);
  const parts = partsByHead(heads, d / heads);
  const attention = (self: string): LayerSpec[] => [
    other(tensor(`${self}.q_bias`, d)),
    other(tensor(`${self}.v_bias`, d)),
    linear(`${self}.in_proj`, [3 * d, d], { parts, bias: false }),
    ...(uses("c2p") ? [linear(`${self}.pos_proj`, [d, d], { bias: false })] : []),
    ...(uses("p2c") ? [linear(`${self}.pos_q_proj`, [d, d])] : []),
  ];
  return withHead(json, "deberta", ["in_proj"], (at) => [
    ...encoder(at, json, attention),
    ...relativePositions(at, json, d, longestDistance),
  ]);
}

/** The architecture of a `deberta-v2` configuration. */
export function debertaV2Architecture(json: ConfigJson): Architecture {
  const { d } = encoderSizes(json), uses = positionTerms(json);
  const ownKeys = !flagOr(json, "share_att_key", false);
  const attention = (self: string): LayerSpec[] => [
    ...separateAttention(self, d, ["query_proj", "key_proj", "value_proj"]),
    ...(ownKeys && uses("c2p") ? [linear(`${self}.pos_key_proj`, [d, d])] : []),
    ...(ownKeys && uses("p2c") ? [linear(`${self}.pos_query_proj`, [d, d])] : []),
  ];
  const hasNorm = String(json.norm_rel_ebd).includes("layer_norm");
  return withHead(json, "deberta-v2", ["query_proj", "value_proj"], (at) => [
    ...encoder(at, json, attention),
    ...relativePositions(at, json, d, distanceBuckets),
    ...(hasNorm ? [norm(`${at}encoder.LayerNorm`, d)] : []),
    ...convolution(`${at}encoder.conv`, json, d),
  ]);
}

function withHead(
  json: ConfigJson,
  modelType: string,
  peftTargets: readonly string[],
  body: (at: string) => LayerSpec[],
): Architecture {
  const top = headOf(json, "none"), sizes = encoderSizes(json), { d } = sizes;
  const at = top.kind === "none" ? "" : "deberta.";
  if (top.kind === "language") assertOneOf(json, "legacy", [true]);
  const layers = [
    ...body(at),
    ...(top.kind === "language" ? maskedHead(json, sizes) : []),
    ...(top.kind === "classes"
      ? [linear("pooler.dense", [d, d]), head("classifier", [top.labels, d], { bias: true })]
      : []),
  ];
  return architectureFrom({ modelType, head: top.kind, trunk: at, peftTargets, layers });
}

/** Published configurations write the attention score's terms as `c2p|p2c` or as a list. */
function positionTerms(json: ConfigJson): (term: string) => boolean {
  const terms = Array.isArray(json.pos_att_type)
    ? json.pos_att_type
    : String(json.pos_att_type ?? "").toLowerCase().split("|").map((term) => term.trim());
  return (term) => isRelative(json) && terms.includes(term);
}

const isRelative = (json: ConfigJson): boolean => flagOr(json, "relative_attention", false);

/** One table for all blocks: a row for each distance, forward and backward. */
function relativePositions(
  at: string,
  json: ConfigJson,
  d: number,
  distances: (json: ConfigJson) => number,
): LayerSpec[] {
  if (!isRelative(json)) return [];
  return [embedding(`${at}encoder.rel_embeddings`, [2 * distances(json), d])];
}

function longestDistance(json: ConfigJson): number {
  const limit = Number(json.max_relative_positions ?? -1);
  return limit < 1 ? count(json, "max_position_embeddings") : limit;
}

/** Distances are grouped into buckets if the configuration has any. */
function distanceBuckets(json: ConfigJson): number {
  const buckets = Number(json.position_buckets ?? -1);
  return buckets > 0 ? buckets : longestDistance(json);
}

function convolution(at: string, json: ConfigJson, d: number): LayerSpec[] {
  const width = Number(json.conv_kernel_size ?? 0);
  if (!(width > 0)) return [];
  return [
    other(tensor(`${at}.conv.weight`, d, d, width), tensor(`${at}.conv.bias`, d)),
    norm(`${at}.LayerNorm`, d),
  ];
}
