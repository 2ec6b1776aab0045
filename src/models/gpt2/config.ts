/** GPT-2's configuration: the fields of `config.json` that change what is computed. @module */

/** Shape of a GPT-2, in the names of Hugging Face's `config.json`. */
export interface Gpt2Config {
  /** Number of tokens. */
  readonly vocab_size: number;
  /** Longest sequence. */
  readonly n_positions: number;
  /** Width of the residual stream. */
  readonly n_embd: number;
  /** Number of blocks. */
  readonly n_layer: number;
  /** Heads of each attention. */
  readonly n_head: number;
  /** Width of the feed-forward layer; null for 4 · n_embd. */
  readonly n_inner: number | null;
  /** ε of every layer norm. */
  readonly layer_norm_epsilon: number;
  /** Whether the output head is the token embedding. */
  readonly tie_word_embeddings: boolean;
  /** Token that begins a text, where it is known; nothing is computed from it. */
  readonly bos_token_id?: number | null;
  /** Token that ends a text, or several; as above. */
  readonly eos_token_id?: number | readonly number[] | null;
  /** Number of classes of a `GPT2ForSequenceClassification`; a language model where absent. */
  readonly num_labels?: number;
  /** Names of a classifier's classes by their number. */
  readonly id2label?: Readonly<Record<string, string>>;
  /** Token that fills up the sequences of a classifier. */
  readonly pad_token_id?: number;
}

const defaults = {
  vocab_size: 50257,
  n_positions: 1024,
  n_embd: 768,
  n_layer: 12,
  n_head: 12,
  n_inner: null,
  layer_norm_epsilon: 1e-5,
  tie_word_embeddings: true,
} as const;

/** Values of fields that we do not implement, with what they must be. */
const required: Record<string, readonly unknown[]> = {
  activation_function: ["gelu_new", "gelu_pytorch_tanh"],
  scale_attn_weights: [true],
  scale_attn_by_inverse_layer_idx: [false],
  add_cross_attention: [false],
};

/**
 * Reads the fields of a parsed `config.json`, Hugging Face's defaults where one is absent.
 *
 * @throws {RangeError} when a field has a value that cannot be honoured.
 */
export function parseGpt2Config(json: Readonly<Record<string, unknown>>): Gpt2Config {
  for (const [field, allowed] of Object.entries(required)) {
    if (field in json && !allowed.includes(json[field])) {
      throw new RangeError(
        `a GPT-2 config needs ${field} to be ${allowed.join(" or ")}, found ${json[field]}`,
      );
    }
  }
  const config = Object.fromEntries(
    Object.entries(defaults).map(([field, value]) => [field, json[field] ?? value]),
  ) as unknown as Gpt2Config;
  for (const field of ["vocab_size", "n_positions", "n_embd", "n_layer", "n_head"] as const) {
    assertCount(field, config[field]);
  }
  if (config.n_inner !== null) assertCount("n_inner", config.n_inner);
  assertKind("layer_norm_epsilon", config.layer_norm_epsilon, "a number, 0 or more", isEpsilon);
  assertKind("tie_word_embeddings", config.tie_word_embeddings, "true or false", isFlag);
  if (config.n_embd % config.n_head !== 0) {
    throw new RangeError(
      `n_head must divide n_embd, found ${config.n_head} heads for width ${config.n_embd}`,
    );
  }
  return { ...config, ...specialTokens(json), ...classifierFields(json) };
}

const classifier = "GPT2ForSequenceClassification";

/** What a classifier adds; nothing for other architectures. */
function classifierFields(json: Readonly<Record<string, unknown>>): Partial<Gpt2Config> {
  const { architectures, id2label, pad_token_id } = json;
  if (!Array.isArray(architectures) || !architectures.includes(classifier)) return {};
  const names = id2label as Gpt2Config["id2label"] | null | undefined;
  const classes = names ? Object.keys(names).length : json.num_labels ?? 2;
  assertCount("num_labels", classes as number);
  return {
    num_labels: classes as number,
    ...(names ? { id2label: names } : {}),
    ...(Number.isSafeInteger(pad_token_id) ? { pad_token_id: pad_token_id as number } : {}),
  };
}

/** Ids in any form that they have in Hugging Face's files; other values are left out. */
function specialTokens(json: Readonly<Record<string, unknown>>): Partial<Gpt2Config> {
  const isId = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  const isKnown = (value: unknown) => isId(value) || Array.isArray(value) && value.every(isId);
  const ids = ["bos_token_id", "eos_token_id"].filter((field) => isKnown(json[field]));
  return Object.fromEntries(ids.map((field) => [field, json[field]]));
}

function assertCount(field: string, value: number): void {
  const isCount = () => Number.isSafeInteger(value) && value > 0;
  assertKind(field, value, "a positive whole number", isCount);
}

const isEpsilon = (value: unknown) => Number.isFinite(value) && value as number >= 0;
const isFlag = (value: unknown) => typeof value === "boolean";

function assertKind(
  field: string,
  value: unknown,
  rule: string,
  holds: (value: unknown) => boolean,
): void {
  if (holds(value)) return;
  throw new RangeError(`a GPT-2 config needs ${field} to be ${rule}, found ${value}`);
}

/**
 * The fields that make Hugging Face's transformers build the same model. Ids that are not known are null:
 * without the fields it would take GPT-2's, which a smaller vocabulary has not got.
 */
export function gpt2ConfigJson(config: Gpt2Config): Record<string, unknown> {
  return {
    architectures: [config.num_labels ? classifier : "GPT2LMHeadModel"],
    model_type: "gpt2",
    bos_token_id: null,
    eos_token_id: null,
    ...config,
    activation_function: "gelu_new",
    resid_pdrop: 0,
    embd_pdrop: 0,
    attn_pdrop: 0,
    n_ctx: config.n_positions,
  };
}
