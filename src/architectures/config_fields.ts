/** Fields of a `config.json`, checked as they are read. @module */

/** A parsed `config.json`. */
export type ConfigJson = Readonly<Record<string, unknown>>;

/** What stands on top of a model's blocks: nothing, a language head, or a classifier. */
export type HeadKind = "none" | "language" | "classes";

/** A head, and how many classes it tells apart. */
export type Head =
  | { readonly kind: Exclude<HeadKind, "classes"> }
  | { readonly kind: "classes"; readonly labels: number };

/**
 * A size that must be there.
 *
 * @throws {RangeError} when it is absent or not a positive integer.
 */
export function count(json: ConfigJson, field: string): number {
  const value = json[field];
  if (Number.isSafeInteger(value) && (value as number) >= 1) return value as number;
  throw fieldError(json, field, "be a positive integer");
}

/** A size that may be absent or null. */
export function countOr(json: ConfigJson, field: string, otherwise: number): number {
  const value = json[field] ?? otherwise;
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw fieldError(json, field, "be an integer of at least 0");
}

/** A yes or no that may be absent or null. */
export function flagOr(json: ConfigJson, field: string, otherwise: boolean): boolean {
  const value = json[field] ?? otherwise;
  if (typeof value === "boolean") return value;
  throw fieldError(json, field, "be true or false");
}

/** Throws unless a field is absent or has a value that is understood here: others change the result. */
export function assertOneOf(json: ConfigJson, field: string, allowed: readonly unknown[]): void {
  if (json[field] === undefined || allowed.includes(json[field])) return;
  throw fieldError(json, field, `be ${allowed.join(" or ")}`);
}

/** The one sentence for a field that cannot be used. */
export function fieldError(json: ConfigJson, field: string, rule: string): RangeError {
  const found = JSON.stringify(json[field]) ?? "nothing";
  return new RangeError(
    `a ${json.model_type} configuration needs ${field} to ${rule}, found ${found}`,
  );
}

const heads: readonly [ending: RegExp, kind: HeadKind][] = [
  [/ForSequenceClassification$/, "classes"],
  [/(LMHeadModel|ForCausalLM|ForMaskedLM|ForConditionalGeneration)$/, "language"],
  [/Model$/, "none"],
];

/**
 * The head that `architectures` names, or `otherwise` where it names nothing.
 *
 * @throws {RangeError} when it is a head that is not known here.
 */
export function headOf(json: ConfigJson, otherwise: "none" | "language"): Head {
  const [name] = Array.isArray(json.architectures) ? json.architectures : [];
  const kind = name === undefined
    ? otherwise
    : heads.find(([ending]) => ending.test(String(name)))?.[1];
  if (kind === undefined) {
    throw fieldError(
      json,
      "architectures",
      "name a model that ends in Model, LMHeadModel, ForCausalLM, ForMaskedLM, " +
        "ForConditionalGeneration or ForSequenceClassification",
    );
  }
  return kind === "classes" ? { kind, labels: labelsOf(json) } : { kind };
}

/** Labels of a classifier: Hugging Face writes their names and, at their default of two, nothing. */
function labelsOf(json: ConfigJson): number {
  const names = json.id2label;
  const named = typeof names === "object" && names !== null ? Object.keys(names).length : 2;
  return countOr(json, "num_labels", named);
}
