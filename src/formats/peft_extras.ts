/** What a PEFT configuration trains beside A and B. @module */

import type { HostTensor } from "../core/host_tensor.ts";
import { isRecord } from "../core/json.ts";
import type { Json } from "./json.ts";
import { field, flag, isNames, list, refuse } from "./peft_fields.ts";

/** Which of the base model's biases PEFT trains: none, all, or those of adapted layers. */
export type BiasMode = "none" | "all" | "lora_only";

/** What is stored beside the factors of the updates. */
export interface PeftExtras {
  /** `modules_to_save`: modules that were trained in full. */
  readonly saved: readonly string[];
  /** Whether tables of embeddings and heads that PEFT saved by itself count as such modules. */
  readonly withTables: boolean;
  /** `use_dora`: every module has a magnitude. */
  readonly dora: boolean;
  /** `lora_bias`: every B has a bias. */
  readonly loraBias: boolean;
  /** `bias`: which biases of the base model were trained. */
  readonly bias: BiasMode;
  /** `trainable_token_indices`: the tokens whose rows were trained, of one embedding or by embeddings. */
  readonly tokens?: readonly number[] | Readonly<Record<string, readonly number[]>>;
}

/** Rows of an embedding that stand in for its own. */
export interface TrainedRows {
  /** The tokens whose rows these are. */
  readonly indices: readonly number[];
  /** (tokens, width). */
  readonly values: HostTensor;
}

/** A configuration that has none of them. */
export const noExtras: PeftExtras = {
  ...{ saved: [], withTables: false, dora: false, loraBias: false, bias: "none" },
};

const isTokens = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every((index) => Number.isSafeInteger(index) && index >= 0);

const isTokenMap = (value: unknown): value is NonNullable<PeftExtras["tokens"]> =>
  isTokens(value) || isRecord(value) && Object.values(value).every(isTokens);

const isMode = (value: unknown): value is BiasMode =>
  value === "none" || value === "all" || value === "lora_only";

/**
 * Takes the fields of {@link PeftExtras} out of a configuration; the updates do not depend on the rest.
 *
 * @param withDora False to leave `use_dora` in it: with a magnitude an update is not scaling · B A.
 */
export function takeExtras(
  json: unknown,
  { withDora = true }: { readonly withDora?: boolean } = {},
): { rest: unknown; extras: PeftExtras } {
  if (!isRecord(json)) return { rest: json, extras: noExtras };
  const { modules_to_save: _, lora_bias: _loraBias, bias: _bias, ...others } = json;
  const { trainable_token_indices: _tokens, use_dora: switched, ...plain } = others;
  const saved = list(field(json, "modules_to_save", "be names", isNames)) ?? [];
  const extras = { saved, withTables: true, ...trained(json) };
  if (withDora) return { rest: plain, extras };
  return { rest: { ...plain, use_dora: switched }, extras: { ...extras, dora: false } };
}

function trained(json: Json): Omit<PeftExtras, "saved" | "withTables"> {
  const bias = field(json, "bias", 'be "none", "all" or "lora_only"', isMode) ?? "none";
  const rule = "be token numbers, or map embeddings to them";
  const tokens = field(json, "trainable_token_indices", rule, isTokenMap);
  const dora = flag(json, "use_dora"), loraBias = flag(json, "lora_bias");
  // As in PEFT.
  if (dora && loraBias) refuse("lora_bias", "be false with use_dora", loraBias);
  return { dora, loraBias, bias, tokens };
}
