/**
 * DeBERTa (He et al. 2020), versions 1 and 2: layers and tensors, and the checked configuration of
 * one that is to be run.
 *
 * @module
 */

import {
  type Architecture,
  architectureFrom,
  embedding,
  head,
  type LayerSpec,
  linear,
  norm,
  other,
  partsByHead,
  tensor,
} from "../architecture.ts";
import {
  assertOneOf,
  type ConfigJson,
  count,
  countOr,
  epsilonOf,
  fieldError,
  flagOr,
  headOf,
  headsOf,
  rateOr,
} from "../config_fields.ts";
import { encoder, encoderSizes, maskedHead, separateAttention } from "./encoder.ts";

/** A term of attention's scores by distance: of the query's content, or of the key's (He et al. 2020). */
export type PositionTerm = "c2p" | "p2c";

/** Settings of its forward pass, apart from the shapes of its tensors. */
export interface DebertaConfig {
  /** Width of the residual stream. */
  readonly width: number;
  /** Number of blocks. */
  readonly layers: number;
  /** Attention heads per block. */
  readonly heads: number;
  /** Number of tokens in the vocabulary. */
  readonly vocabulary: number;
  /** Longest sequence, in tokens. */
  readonly positions: number;
  /** True if the embeddings include positions. */
  readonly hasPositions: boolean;
  /** Rows of the table of token types. */
  readonly tokenTypes: number;
  /** ε of every layer norm. */
  readonly epsilon: number;
  /** Activation of the feed-forward layers, by its name. */
  readonly activation: string;
  /** Token that fills up short sequences. */
  readonly padding: number;
  /** Settings of relative attention; absent without it. */
  readonly relative?: RelativeConfig;
  /** Terms by which attention's scale is divided: √(d · terms). */
  readonly scoreTerms: number;
  /** Its convolution, if it has one. */
  readonly convolution?: { readonly taps: number; readonly activation: string };
  /** Activation of a classifier's first layer, by its name. */
  readonly poolerActivation: string;
  /** Share of the embeddings and of what sublayers add that training zeroes. */
  readonly dropout: number;
  /** Shares that training zeroes of a classifier's input, and of what its last layer reads. */
  readonly classifierDropout: readonly [first: number, last: number];
}

/** Distances, and the terms of scores that depend on them. */
export interface RelativeConfig {
  /** The terms. */
  readonly terms: readonly PositionTerm[];
  /** Distances from this on, in either direction, are one. */
  readonly longest: number;
  /** Number of buckets in either direction, logarithmic from half of them on; absent without any. */
  readonly buckets?: number;
  /** True if content and positions have the same projections. */
  readonly sharesProjections: boolean;
  /** True if the embeddings of distances are normalized. */
  readonly normalizes: boolean;
}

/** Activations that the forward pass implements. */
const activations = ["gelu", "gelu_new", "gelu_pytorch_tanh", "tanh"];

/**
 * Reads a `deberta` or `deberta-v2` configuration with Hugging Face's defaults for absent fields; dropout is
 * 0 if absent, where transformers takes 0.1.
 *
 * @throws {RangeError} when a field is missing or has a value that is not supported.
 */
export function parseDebertaConfig(json: ConfigJson): DebertaConfig {
  const width = count(json, "hidden_size"), terms = positionTerms(json);
  for (const field of ["hidden_act", "pooler_hidden_act"]) assertOneOf(json, field, activations);
  if (!isSecond(json)) assertOneOf(json, "talking_head", [false]);
  const dropout = rateOr(json, "hidden_dropout_prob", 0);
  return {
    width,
    layers: count(json, "num_hidden_layers"),
    heads: headsOf(json, width),
    vocabulary: count(json, "vocab_size"),
    positions: count(json, "max_position_embeddings"),
    hasPositions: flagOr(json, "position_biased_input", true),
    tokenTypes: countOr(json, "type_vocab_size", 0),
    epsilon: epsilonOf(json, "layer_norm_eps", 1e-7),
    activation: String(json.hidden_act ?? "gelu"),
    padding: countOr(json, "pad_token_id", 0),
    ...(isRelative(json) && { relative: relativeOf(json, terms) }),
    scoreTerms: 1 + terms.length,
    ...convolutionOf(json),
    poolerActivation: String(json.pooler_hidden_act ?? "gelu"),
    dropout,
    classifierDropout: [rateOr(json, "pooler_dropout", 0), rateOr(json, "cls_dropout", dropout)],
  };
}

/**
 * A configuration that has been checked, with the number of a classifier's labels.
 *
 * @throws {RangeError} As {@link parseDebertaConfig}.
 */
export function completeDebertaConfig(json: ConfigJson): ConfigJson {
  parseDebertaConfig(json);
  const top = headOf(json, "none");
  return top.kind === "classes" ? { ...json, num_labels: top.labels } : json;
}

/** True if scores depend on distances. */
const isRelative = (json: ConfigJson): boolean => flagOr(json, "relative_attention", false);

const isSecond = ({ model_type }: ConfigJson): boolean => model_type === "deberta-v2";

/**
 * The terms of scores, which published configurations write as `c2p|p2c` or as a list.
 *
 * @throws {RangeError} when there is another, or one twice.
 */
function positionTerms(json: ConfigJson): PositionTerm[] {
  const given = json.pos_att_type ?? [];
  const terms = Array.isArray(given)
    ? given
    : String(given).toLowerCase().split("|").map((term) => term.trim());
  const isKnown = terms.every((term) => term === "c2p" || term === "p2c");
  if (isKnown && new Set(terms).size === terms.length) return terms;
  throw fieldError(json, "pos_att_type", "have c2p and p2c, each at most once, and nothing else");
}

/** The distance from which on all distances count as one. */
function longestDistance(json: ConfigJson): number {
  const limit = json.max_relative_positions ?? -1;
  if (!Number.isSafeInteger(limit)) {
    throw fieldError(json, "max_relative_positions", "be a whole number");
  }
  return limit as number < 1 ? count(json, "max_position_embeddings") : limit as number;
}

/** Number of buckets of distances in either direction, which only version 2 has. */
function bucketsOf(json: ConfigJson): number | undefined {
  const buckets = json.position_buckets ?? -1;
  if (!Number.isSafeInteger(buckets)) {
    throw fieldError(json, "position_buckets", "be a whole number");
  }
  return isSecond(json) && buckets as number > 0 ? buckets as number : undefined;
}

/** True if the embeddings of distances have a layer norm, which only version 2 has. */
function normalizesDistances(json: ConfigJson): boolean {
  const kinds = String(json.norm_rel_ebd ?? "none").toLowerCase().split("|");
  return isSecond(json) && kinds.some((kind) => kind.trim() === "layer_norm");
}

/** True if content and positions have the same projections, which only version 2 can have. */
const sharesProjections = (json: ConfigJson): boolean =>
  isSecond(json) && flagOr(json, "share_att_key", false);

function relativeOf(json: ConfigJson, terms: readonly PositionTerm[]): RelativeConfig {
  const longest = longestDistance(json), buckets = bucketsOf(json);
  const most = 2 * (longest - 2); // So that the logarithm of (longest - 1) / ⌊buckets / 2⌋ is positive.
  if (buckets !== undefined && (buckets < 2 || buckets > most)) {
    throw fieldError(json, "position_buckets", `be from 2 to ${most} or at most 0`);
  }
  const shared = {
    sharesProjections: sharesProjections(json),
    normalizes: normalizesDistances(json),
  };
  return { terms, longest, ...(buckets && { buckets }), ...shared };
}

/** Number of taps of the convolution beside the first block, which only version 2 can have; 0 for none. */
function convolutionTaps(json: ConfigJson): number {
  const taps = json.conv_kernel_size ?? 0;
  if (!isSecond(json) || typeof taps === "number" && taps <= 0) return 0;
  if (Number.isSafeInteger(taps) && taps as number % 2 === 1) return taps as number;
  throw fieldError(json, "conv_kernel_size", "be odd, or 0 for no convolution");
}

function convolutionOf(json: ConfigJson): Pick<DebertaConfig, "convolution"> {
  const taps = convolutionTaps(json);
  if (taps === 0) return {};
  assertOneOf(json, "conv_groups", [1]);
  assertOneOf(json, "conv_act", activations);
  return { convolution: { taps, activation: String(json.conv_act ?? "tanh") } };
}

/**
 * Throws if extents differ that are one in every published model.
 *
 * @throws {RangeError} when embeddings, heads or a classifier have widths of their own.
 */
function assertOneWidth(json: ConfigJson): void {
  const width = count(json, "hidden_size");
  assertOneOf(json, "embedding_size", [width]);
  assertOneOf(json, "pooler_hidden_size", [width]);
  if (isSecond(json)) assertOneOf(json, "attention_head_size", [width / headsOf(json, width)]);
}

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
