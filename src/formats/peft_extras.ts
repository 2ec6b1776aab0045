/** What a PEFT configuration trains beside A and B. @module */

import { isRecord } from "../core/json.ts";
import type { Json } from "./json.ts";
import { field, flag, isNames, list } from "./peft_fields.ts";

/** Which of the base model's biases PEFT trains: none, all, or those of adapted layers. */
export type BiasMode = "none" | "all" | "lora_only";

/** What is stored beside the factors of the updates. */
export interface PeftExtras {
  /** `modules_to_save`: modules that were trained in full. */
  readonly saved: readonly string[];
  /** `use_dora`: every module has a magnitude. */
  readonly dora: boolean;
  /** `lora_bias`: every B has a bias. */
  readonly loraBias: boolean;
  /** `bias`: which biases of the base model were trained. */
  readonly bias: BiasMode;
}

/** A configuration that has none of them. */
export const noExtras: PeftExtras = { saved: [], dora: false, loraBias: false, bias: "none" };

const isMode = (value: unknown): value is BiasMode =>
  value === "none" || value === "all" || value === "lora_only";

/**
 * Takes the fields of {@link PeftExtras} out of a configuration; the updates do not depend on the rest.
 *
 * @param only `modules_to_save` alone: the others change what the updates mean.
 */
export function takeExtras(
  json: unknown,
  { only }: { readonly only?: "saved" } = {},
): { rest: unknown; extras: PeftExtras } {
  if (!isRecord(json)) return { rest: json, extras: noExtras };
  const { modules_to_save: _, ...rest } = json;
  const saved = list(field(json, "modules_to_save", "be names", isNames)) ?? [];
  if (only) return { rest, extras: { ...noExtras, saved } };
  const { use_dora: _dora, lora_bias: _loraBias, bias: _bias, ...plain } = rest;
  return { rest: plain, extras: { saved, ...trained(json) } };
}

function trained(json: Json): Omit<PeftExtras, "saved"> {
  const bias = field(json, "bias", 'be "none", "all" or "lora_only"', isMode) ?? "none";
  return { dora: flag(json, "use_dora"), loraBias: flag(json, "lora_bias"), bias };
}
