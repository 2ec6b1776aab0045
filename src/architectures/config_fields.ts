/**
 * Fields of a `config.json`, checked as they are read, and the most tokens that a sequence of its
 * model may have.
 *
 * @module
 */

import { quote } from "../core/errors.ts";
import { fitsFloat32 } from "../core/tensor.ts";

// Fields.

/** A parsed `config.json`. */
export type ConfigJson = Readonly<Record<string, unknown>>;

/** The head on top of a model's blocks: none, a language head, or a classifier. */
export type HeadKind = "none" | "language" | "classes";

/** A head, with a classifier's number of classes. */
export type Head =
  | { readonly kind: Exclude<HeadKind, "classes"> }
  | { readonly kind: "classes"; readonly labels: number };

/**
 * A required size.
 *
 * @throws {RangeError} when it is absent or not a positive integer.
 */
export function count(json: ConfigJson, field: string): number {
  const value = json[field];
  if (Number.isSafeInteger(value) && (value as number) >= 1) return value as number;
  throw fieldError(json, field, "be a positive integer");
}

/** A required size under the first of its names that a configuration has. */
export function countNamed(json: ConfigJson, names: readonly [string, ...string[]]): number {
  return count(json, names.find((name) => (json[name] ?? null) !== null) ?? names[0]);
}

/**
 * The number of heads of a width, under the first of its names that a configuration has.
 *
 * @throws {RangeError} when it does not divide the width.
 */
export function headsOf(
  json: ConfigJson,
  width: number,
  names: readonly [string, ...string[]] = ["num_attention_heads"],
): number {
  const heads = countNamed(json, names);
  if (width % heads === 0) return heads;
  throw fieldError({ ...json, [names[0]]: heads }, names[0], `divide the width, ${width}`);
}

/** An optional size, which may be null. */
export function countOr(json: ConfigJson, field: string, otherwise: number): number {
  const value = json[field] ?? otherwise;
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw fieldError(json, field, "be an integer of at least 0");
}

/** An optional rate of dropout, which may be null. */
export function rateOr(json: ConfigJson, field: string, otherwise: number): number {
  const value = json[field] ?? otherwise;
  if (typeof value === "number" && value >= 0 && value < 1) return value;
  throw fieldError(json, field, "be in [0, 1)");
}

/** An optional boolean, which may be null. */
export function flagOr(json: ConfigJson, field: string, otherwise: boolean): boolean {
  const value = json[field] ?? otherwise;
  if (typeof value === "boolean") return value;
  throw fieldError(json, field, "be true or false");
}

/** Throws unless a field is absent, null, or has a supported value: other values would change the result. */
export function assertOneOf(json: ConfigJson, field: string, allowed: readonly unknown[]): void {
  if ((json[field] ?? undefined) === undefined || allowed.includes(json[field])) return;
  throw fieldError(json, field, `be ${allowed.join(" or ")}`);
}

/**
 * ε of a norm.
 *
 * @throws {RangeError} when it is not a number of at least 0 that F32 can hold.
 */
export function epsilonOf(json: ConfigJson, field: string, otherwise?: number): number {
  const epsilon = json[field] ?? otherwise;
  if (typeof epsilon === "number" && epsilon >= 0 && fitsFloat32(epsilon)) return epsilon;
  throw fieldError(json, field, "be a number of at least 0 that F32 can hold");
}

/** The error for a field that cannot be used. */
export function fieldError(json: ConfigJson, field: string, rule: string): RangeError {
  return new RangeError(
    `a ${json.model_type} configuration needs ${field} to ${rule}, found ${quote(json[field])}`,
  );
}

/** Endings of class names, with the head that each stands for. */
const heads: readonly [ending: RegExp, kind: HeadKind][] = [
  [/ForSequenceClassification$/, "classes"],
  [/(LMHeadModel|ForCausalLM|ForMaskedLM|ForConditionalGeneration)$/, "language"],
];

/**
 * The head of the class that `architectures` names, or `otherwise` if it names none.
 *
 * @throws {RangeError} when it names a class of another head.
 */
export function headOf(json: ConfigJson, otherwise: "none" | "language"): Head {
  const name = className(json), bare = bareClassName(json);
  const kind = name === undefined
    ? otherwise
    : name.toLowerCase() === bare
    ? "none"
    : heads.find(([ending]) => ending.test(name))?.[1];
  if (kind === undefined) {
    throw fieldError(
      json,
      "architectures",
      "name the bare model or one that ends in LMHeadModel, ForCausalLM, ForMaskedLM, " +
        "ForConditionalGeneration or ForSequenceClassification",
    );
  }
  return kind === "classes" ? { kind, labels: labelsOf(json) } : { kind };
}

/** The first class that `architectures` names. */
export function className({ architectures }: ConfigJson): string | undefined {
  const [name] = Array.isArray(architectures) ? architectures : [];
  return name === undefined ? undefined : String(name);
}

/**
 * The class without a head in small letters, such as `debertav2model`: other names that end in `Model`,
 * `GPT2DoubleHeadsModel` and reward models, have heads.
 */
function bareClassName({ model_type }: ConfigJson): string {
  return `${String(model_type).replaceAll(/[-_]/g, "")}model`;
}

/** Number of a classifier's labels: Hugging Face writes their names, and nothing for the default of two. */
function labelsOf(json: ConfigJson): number {
  const names = json.id2label;
  const named = typeof names === "object" && names !== null ? Object.keys(names).length : 2;
  return countOr(json, "num_labels", named);
}

// Lengths of sequences.

/** Positions where a configuration states none, as in transformers. */
const usualPositions: Readonly<Record<string, number>> = {
  llama: 2048,
  mistral: 131072,
  qwen2: 32768,
  qwen3: 32768,
  gpt_neox: 2048,
};

/** Families whose window is off unless `use_sliding_window`, as in transformers. */
const switchedWindows: readonly unknown[] = ["qwen2", "qwen3"];

/** RoBERTa's padding token where a configuration states none, as in transformers. */
const usualPadding = 1;

/**
 * The most tokens of a sequence; undefined where a configuration states no limit, as BLOOM's and T5's, whose attention
 * sees distances alone.
 *
 * @throws {RangeError} when a field of a family that runs is invalid.
 */
export function longestSequence(json: ConfigJson): number | undefined {
  switch (json.model_type) {
    case "gpt2":
      return count(json, "n_positions");
    case "roberta":
    case "xlm-roberta":
    case "mpnet":
      // Its positions begin after the padding token's id.
      return count(json, "max_position_embeddings") - countOr(json, "pad_token_id", usualPadding) -
        1;
    case "llama":
    case "mistral":
    case "qwen2":
    case "qwen3":
      return decoderPositions(json);
    case "gpt_neox":
      return statedPositions(json);
  }
  const { max_position_embeddings: most } = json;
  return Number.isSafeInteger(most) ? Number(most) : undefined;
}

/** The positions of a Llama, Mistral, Qwen2 or Qwen3, as far as its tokens see each other. */
export const decoderPositions = (json: ConfigJson): number =>
  Math.min(statedPositions(json), windowOf(json));

/** The positions that a configuration states, or else those of its family in transformers. */
export const statedPositions = (json: ConfigJson): number => {
  const max_position_embeddings = json.max_position_embeddings ??
    usualPositions[String(json.model_type)];
  return count({ ...json, max_position_embeddings }, "max_position_embeddings");
};

/** Tokens that see each other: all, where a configuration states no window or one that is off. */
function windowOf(json: ConfigJson): number {
  const { model_type, sliding_window } = json;
  const isOff = switchedWindows.includes(model_type) && !flagOr(json, "use_sliding_window", false);
  return isOff || (sliding_window ?? null) === null ? Infinity : count(json, "sliding_window");
}

/**
 * Throws unless virtual tokens leave a position for another one.
 *
 * @param kind The method that puts them before the others, for the message.
 * @param positions The most tokens of a sequence.
 * @throws {RangeError} when they do not, or their number is not a positive integer.
 */
export function assertPrefixLength(kind: string, length: number, positions: number): void {
  if (Number.isInteger(length) && length >= 1 && length < positions) return;
  throw new RangeError(
    `${kind} needs a length of 1 to ${positions - 1} virtual tokens, as a sequence of the model ` +
      `has at most ${positions} in all, found ${length}`,
  );
}
