/** GPT-2 (Radford et al. 2019), and GPT-3 as a GPT-2 of its size. @module */

import {
  type Architecture,
  architectureFrom,
  conv1d,
  embedding,
  fusedParts,
  head,
  type LayerSpec,
  norm,
  repeat,
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
  rateOr,
} from "../config_fields.ts";

/** Shape of a GPT-2 that can be run, in the names of Hugging Face's `config.json`. */
export interface Gpt2Config {
  /** Number of tokens in the vocabulary. */
  readonly vocab_size: number;
  /** Longest sequence. */
  readonly n_positions: number;
  /** Width of the residual stream. */
  readonly n_embd: number;
  /** Number of blocks. */
  readonly n_layer: number;
  /** Attention heads per block. */
  readonly n_head: number;
  /** Width of the feed-forward layer; null for 4 · n_embd. */
  readonly n_inner: number | null;
  /** ε of every layer norm. */
  readonly layer_norm_epsilon: number;
  /** True if the output head is the token embedding. */
  readonly tie_word_embeddings: boolean;
  /** Token that begins a text, if known; nothing is computed from it. */
  readonly bos_token_id?: number | null;
  /** Token that ends a text, or several; as above. */
  readonly eos_token_id?: number | readonly number[] | null;
  /** Number of classes of a `GPT2ForSequenceClassification`; a language model if absent. */
  readonly num_labels?: number;
  /** Names of a classifier's classes by index. */
  readonly id2label?: Readonly<Record<string, string>>;
  /** Token that pads the sequences of a classifier. */
  readonly pad_token_id?: number;
  /** Share of the embeddings that training zeroes; 0 if absent, where transformers takes 0.1. */
  readonly embd_pdrop?: number;
  /**
   * Share that training zeroes of what attention and the feed-forward layer add to the residual
   * stream.
   */
  readonly resid_pdrop?: number;
  /** Share of attention's probabilities; this toolkit never drops them. */
  readonly attn_pdrop?: number;
}

/** Name of the token embedding, which a tied head shares. */
export const tokenEmbedding = "transformer.wte.weight";

/** Name of the output head's weight if it is not tied. */
export const untiedHead = "lm_head.weight";

/** Name of a classifier's weight. */
export const classifierHead = "score.weight";

/** The architecture of a `gpt2` configuration; sizes must be stated. */
export function gpt2Architecture(json: ConfigJson): Architecture {
  const top = headOf(json, "language");
  assertOneOf(json, "add_cross_attention", [false]);
  const { vocab_size, n_positions, n_embd: d, n_layer, n_inner } = gpt2Sizes(json);
  const at = top.kind === "none" ? "" : "transformer.";
  const isTied = flagOr(json, "tie_word_embeddings", true);
  return architectureFrom({
    modelType: "gpt2",
    head: top.kind,
    trunk: at,
    peftTargets: ["c_attn"],
    ...(top.kind === "language" && isTied ? { copies: [untiedHead] } : {}),
    layers: [
      embedding(`${at}wte`, [vocab_size, d]),
      embedding(`${at}wpe`, [n_positions, d]),
      ...repeat(n_layer, (layer) => block(`${at}h.${layer}`, d, n_inner)),
      norm(`${at}ln_f`, d),
      ...(top.kind === "language" && !isTied ? [head("lm_head", [vocab_size, d])] : []),
      ...(top.kind === "classes" ? [head("score", [top.labels, d])] : []),
    ],
  });
}

function block(at: string, d: number, inner: number): LayerSpec[] {
  return [
    norm(`${at}.ln_1`, d),
    conv1d(`${at}.attn.c_attn`, [3 * d, d], fusedParts(d)),
    conv1d(`${at}.attn.c_proj`, [d, d], "o"),
    norm(`${at}.ln_2`, d),
    conv1d(`${at}.mlp.c_fc`, [inner, d], "up"),
    conv1d(`${at}.mlp.c_proj`, [d, inner], "down"),
  ];
}

/** The sizes from which all tensor shapes of a `gpt2` configuration follow. */
export function gpt2Sizes(json: ConfigJson) {
  const n_embd = count(json, "n_embd");
  return {
    vocab_size: count(json, "vocab_size"),
    n_positions: count(json, "n_positions"),
    n_embd,
    n_layer: count(json, "n_layer"),
    n_inner: countOr(json, "n_inner", 4 * n_embd),
  };
}

const defaults = {
  model_type: "gpt2",
  vocab_size: 50257,
  n_positions: 1024,
  n_embd: 768,
  n_layer: 12,
  n_head: 12,
  layer_norm_epsilon: 1e-5,
} as const;

/** Fields that change the result, with the values that the forward pass implements. */
const implemented: Readonly<Record<string, readonly unknown[]>> = {
  activation_function: ["gelu_new", "gelu_pytorch_tanh"],
  scale_attn_weights: [true],
  scale_attn_by_inverse_layer_idx: [false],
  add_cross_attention: [false],
};

/**
 * Reads the configuration of a GPT-2 that is to be run, with Hugging Face's defaults for absent fields.
 *
 * @throws {RangeError} when a field has a value that is not supported.
 *
 * @example
 * ```ts
 * import { parseGpt2Config } from "@lowrank/core";
 *
 * console.log(parseGpt2Config({ n_layer: 2 }).n_embd); // 768
 * ```
 */
export function parseGpt2Config(given: ConfigJson): Gpt2Config {
  for (const [field, values] of Object.entries(implemented)) {
    assertOneOf({ ...given, model_type: "gpt2" }, field, values);
  }
  const stated = Object.entries(given).filter(([, value]) => (value ?? null) !== null);
  const json: ConfigJson = { ...defaults, ...Object.fromEntries(stated) };
  const { vocab_size, n_positions, n_embd, n_layer } = gpt2Sizes(json);
  const n_head = count(json, "n_head");
  if (n_embd % n_head !== 0) throw fieldError(json, "n_head", `divide n_embd, ${n_embd}`);
  return {
    vocab_size,
    n_positions,
    n_embd,
    n_layer,
    n_head,
    n_inner: json.n_inner === undefined ? null : count(json, "n_inner"),
    layer_norm_epsilon: epsilonOf(json, "layer_norm_epsilon"),
    tie_word_embeddings: flagOr(json, "tie_word_embeddings", true),
    ...specialTokens(given),
    ...classifierFields(json),
    ...dropoutRates(json),
  };
}

/** The rates of dropout in training, where there are any. */
function dropoutRates(json: ConfigJson): Partial<Gpt2Config> {
  const rates = (["embd_pdrop", "resid_pdrop", "attn_pdrop"] as const)
    .map((field) => [field, rateOr(json, field, 0)] as const);
  return Object.fromEntries(rates.filter(([, rate]) => rate > 0));
}

const classifier = "GPT2ForSequenceClassification";

/** The fields that a classifier adds; none for other architectures. */
function classifierFields(json: ConfigJson): Partial<Gpt2Config> {
  const { architectures, id2label, pad_token_id } = json;
  if (!Array.isArray(architectures) || !architectures.includes(classifier)) return {};
  const top = headOf({ ...json, architectures: [classifier] }, "language");
  const num_labels = top.kind === "classes" ? top.labels : 0;
  return {
    num_labels: count({ ...json, num_labels }, "num_labels"),
    ...(id2label ? { id2label: id2label as Gpt2Config["id2label"] } : {}),
    ...(Number.isSafeInteger(pad_token_id) ? { pad_token_id: pad_token_id as number } : {}),
  };
}

/** Token ids in any form found in Hugging Face's files; other values are left out. */
function specialTokens(json: ConfigJson): Pick<Gpt2Config, "bos_token_id" | "eos_token_id"> {
  const isId = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  const isKnown = (value: unknown) => isId(value) || Array.isArray(value) && value.every(isId);
  const ids = ["bos_token_id", "eos_token_id"].filter((field) => isKnown(json[field]));
  return Object.fromEntries(ids.map((field) => [field, json[field]]));
}

/**
 * The fields that make Hugging Face's transformers build the same model. Unknown token ids are null:
 * without the fields it would take those of GPT-2, which are outside a smaller vocabulary.
 */
export function gpt2ConfigJson(config: Gpt2Config): Record<string, unknown> {
  const names = Object.entries(config.id2label ?? {});
  return {
    architectures: [config.num_labels ? classifier : "GPT2LMHeadModel"],
    model_type: "gpt2",
    bos_token_id: null,
    eos_token_id: null,
    ...config,
    ...names.length > 0 &&
      { label2id: Object.fromEntries(names.map(([index, name]) => [name, Number(index)])) },
    activation_function: "gelu_new",
    resid_pdrop: config.resid_pdrop ?? 0,
    embd_pdrop: config.embd_pdrop ?? 0,
    attn_pdrop: config.attn_pdrop ?? 0,
    n_ctx: config.n_positions,
  };
}
