/** The `adapter_config.json` of PEFT's prompt tuning and prefix tuning. @module */

import { isRecord } from "../core/json.ts";
import type { Json } from "./json.ts";
import { field, isEmpty, isNames, isRank, list, refuse } from "./peft_fields.ts";

/** PEFT's methods that train virtual tokens. */
export type PromptType = "PROMPT_TUNING" | "PREFIX_TUNING";

/** What PEFT says of virtual tokens. */
export interface PromptConfig {
  /** `peft_type`. */
  readonly type: PromptType;
  /** `num_virtual_tokens`. */
  readonly tokens: number;
  /** `token_dim`: the width of an embedding or, in prefix tuning, of a block's keys. */
  readonly width: number;
  /** `num_layers`: blocks of the model. */
  readonly layers: number;
  /** `num_attention_heads`; in prefix tuning those of keys. */
  readonly heads: number;
  /** `modules_to_save`: names of modules that were trained in full, which the model need not all have. */
  readonly savedModules: readonly string[];
}

/** Fields that say nothing about what was trained, of both methods and of one. */
const known: Readonly<Record<PromptType | "both", readonly string[]>> = {
  both: [
    ...["peft_type", "num_virtual_tokens", "token_dim", "num_layers", "num_attention_heads"],
    ...["num_transformer_submodules", "modules_to_save", "auto_mapping", "inference_mode"],
    ...["base_model_name_or_path", "revision", "task_type", "peft_version"],
  ],
  PROMPT_TUNING: [
    ...["prompt_tuning_init", "prompt_tuning_init_text", "tokenizer_name_or_path"],
    "tokenizer_kwargs",
  ],
  // A projection has been computed when PEFT saves: its file has keys and values in any case.
  PREFIX_TUNING: ["encoder_hidden_size", "prefix_projection", "init_weights"],
};

const isPromptType = (value: unknown): value is PromptType =>
  value === "PROMPT_TUNING" || value === "PREFIX_TUNING";

/**
 * Reads a parsed `adapter_config.json` of prompt tuning or prefix tuning.
 *
 * @throws {AdapterFileError} when a field is missing or wrong, or is none of the method's.
 */
export function parsePromptConfig(json: unknown): PromptConfig {
  if (!isRecord(json)) refuse("the configuration", "be a JSON object", json);
  const type = json.peft_type;
  if (!isPromptType(type)) refuse("peft_type", "be PROMPT_TUNING or PREFIX_TUNING", type);
  const names = new Set([...known.both, ...known[type]]);
  const other = Object.keys(json).find((name) => !names.has(name) && !isEmpty(json[name]));
  if (other !== undefined) refuse(other, `be absent where peft_type is ${type}`, json[other]);
  const submodules = json.num_transformer_submodules ?? 1;
  if (submodules !== 1) refuse("num_transformer_submodules", "be 1 (one transformer)", submodules);
  return {
    type,
    tokens: count(json, "num_virtual_tokens"),
    width: count(json, "token_dim"),
    layers: count(json, "num_layers"),
    heads: count(json, "num_attention_heads"),
    savedModules: list(field(json, "modules_to_save", "be names", isNames)) ?? [],
  };
}

function count(json: Json, name: string): number {
  const rule = "be an integer of at least 1";
  return field(json, name, rule, isRank) ?? refuse(name, rule, json[name]);
}

/**
 * The fields of PEFT's for virtual tokens.
 *
 * @param taskType PEFT's task type; null for a model that PEFT knows no task of.
 */
export function promptConfigJson(
  { type, tokens, width, layers, heads, savedModules }: PromptConfig,
  taskType: string | null,
): Readonly<Record<string, string | number | boolean | null | readonly string[]>> {
  return {
    inference_mode: true,
    modules_to_save: savedModules.length > 0 ? savedModules : null,
    num_attention_heads: heads,
    num_layers: layers,
    num_transformer_submodules: 1,
    num_virtual_tokens: tokens,
    peft_type: type,
    task_type: taskType,
    token_dim: width,
    ...(type === "PREFIX_TUNING"
      ? { encoder_hidden_size: width, prefix_projection: false }
      : { prompt_tuning_init: "RANDOM" }),
  };
}
