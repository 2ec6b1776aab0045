/** Fields of a `config.json`, checked as they are read. @module */

/** A parsed `config.json`. */
export type ConfigJson = Readonly<Record<string, unknown>>;

/** What stands on top of the blocks. */
export type Head =
  | { readonly kind: "none" }
  | { readonly kind: "language" }
  | { readonly kind: "classes"; readonly labels: number };

/**
 * A field that must be there.
 *
 * @throws {RangeError} when it is absent or not a whole number from 1 on.
 */
export function count(json: ConfigJson, field: string): number {
  return atLeast(1, json, field, json[field]);
}

/** A field that may be absent or null. */
export function countOr(json: ConfigJson, field: string, otherwise: number): number {
  return atLeast(0, json, field, json[field] ?? otherwise);
}

/** A yes or no that may be absent. */
export function flagOr(json: ConfigJson, field: string, otherwise: boolean): boolean {
  const value = json[field] ?? otherwise;
  if (typeof value === "boolean") return value;
  throw wrong(json, field, "true or false");
}

function atLeast(least: number, json: ConfigJson, field: string, value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= least) return value as number;
  throw wrong(json, field, `a whole number from ${least} on`);
}

/** The sentence for a field that cannot be used. */
export function wrong(json: ConfigJson, field: string, rule: string): RangeError {
  const found = JSON.stringify(json[field]) ?? "nothing";
  return new RangeError(
    `the configuration of a ${json.model_type} model must have ${field}, ${rule}; found ${found}`,
  );
}

const heads: [ending: RegExp, kind: Head["kind"]][] = [
  [/ForSequenceClassification$/, "classes"],
  [/(LMHeadModel|ForCausalLM|ForMaskedLM|ForConditionalGeneration)$/, "language"],
  [/Model$/, "none"],
];

/**
 * The head that `architectures` names, or `otherwise` where it names nothing.
 *
 * @throws {RangeError} when it is a head that is not counted here.
 */
export function headOf(json: ConfigJson, otherwise: "none" | "language"): Head {
  const [name] = Array.isArray(json.architectures) ? json.architectures : [];
  const kind = name === undefined
    ? otherwise
    : heads.find(([ending]) => ending.test(String(name)))?.[1];
  if (kind === undefined) {
    throw wrong(
      json,
      "architectures",
      "a model that ends in Model, LMHeadModel, ForCausalLM, " +
        "ForMaskedLM, ForConditionalGeneration or ForSequenceClassification",
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
