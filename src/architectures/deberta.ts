/** DeBERTa (He et al. 2020), versions 1 and 2. @module */

import { type Architecture, architectureFrom, type LayerSpec } from "./architecture.ts";
import { type ConfigJson, flagOr, headOf, headsOf } from "./config_fields.ts";
import {
  assertOneWidth,
  bucketsOf,
  convolutionTaps,
  isRelative,
  longestDistance,
  normalizesDistances,
  type PositionTerm,
  positionTerms,
  sharesProjections,
} from "./deberta_config.ts";
import { encoder, encoderSizes, maskedHead, separateAttention } from "./encoder.ts";
import { embedding, head, linear, norm, other, partsByHead, tensor } from "./layers.ts";

/** The architecture of a `deberta` configuration. */
export function debertaArchitecture(json: ConfigJson): Architecture {
  const { d } = encoderSizes(json), uses = termsOf(json), heads = headsOf(json, d);
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
    ...distances(at, json, d),
  ]);
}

/** The architecture of a `deberta-v2` configuration. */
export function debertaV2Architecture(json: ConfigJson): Architecture {
  const { d } = encoderSizes(json), uses = termsOf(json), own = !sharesProjections(json);
  const attention = (self: string): LayerSpec[] => [
    ...separateAttention(self, d, ["query_proj", "key_proj", "value_proj"]),
    ...(own && uses("c2p") ? [linear(`${self}.pos_key_proj`, [d, d])] : []),
    ...(own && uses("p2c") ? [linear(`${self}.pos_query_proj`, [d, d])] : []),
  ];
  return withHead(json, "deberta-v2", ["query_proj", "value_proj"], (at) => [
    ...encoder(at, json, attention),
    ...distances(at, json, d),
    ...(normalizesDistances(json) ? [norm(`${at}encoder.LayerNorm`, d)] : []),
    ...convolution(`${at}encoder.conv`, json, d),
  ]);
}

function withHead(
  json: ConfigJson,
  modelType: string,
  peftTargets: readonly string[],
  body: (at: string) => LayerSpec[],
): Architecture {
  assertOneWidth(json);
  const top = headOf(json, "none"), sizes = encoderSizes(json), { d } = sizes;
  const at = top.kind === "none" ? "" : "deberta.";
  const ofLanguage = () =>
    flagOr(json, "legacy", true) ? maskedHead(json, sizes) : newMaskedHead(d, sizes.vocabulary);
  const layers = [
    ...body(at),
    ...(top.kind === "language" ? ofLanguage() : []),
    ...(top.kind === "classes"
      ? [linear("pooler.dense", [d, d]), head("classifier", [top.labels, d], { bias: true })]
      : []),
  ];
  return architectureFrom({ modelType, head: top.kind, trunk: at, peftTargets, layers });
}

/** The masked-language head without `legacy`; PEFT takes its hidden layer for the one to tokens. */
function newMaskedHead(d: number, vocabulary: number): LayerSpec[] {
  return [
    other(tensor("lm_predictions.lm_head.bias", vocabulary)),
    head("lm_predictions.lm_head.dense", [d, d], { bias: true }),
    norm("lm_predictions.lm_head.LayerNorm", d),
  ];
}

function termsOf(json: ConfigJson): (term: PositionTerm) => boolean {
  const terms = positionTerms(json);
  return (term) => isRelative(json) && terms.includes(term);
}

/** One table for all blocks: a row for each distance or bucket of them, forward and backward. */
function distances(at: string, json: ConfigJson, d: number): LayerSpec[] {
  if (!isRelative(json)) return [];
  const count = bucketsOf(json) ?? longestDistance(json);
  return [embedding(`${at}encoder.rel_embeddings`, [2 * count, d])];
}

function convolution(at: string, json: ConfigJson, d: number): LayerSpec[] {
  const taps = convolutionTaps(json);
  if (taps === 0) return [];
  return [
    other(tensor(`${at}.conv.weight`, d, d, taps), tensor(`${at}.conv.bias`, d)),
    norm(`${at}.LayerNorm`, d),
  ];
}
