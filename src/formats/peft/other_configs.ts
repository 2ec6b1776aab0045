/** The `adapter_config.json` of PEFT's prompt tuning and prefix tuning. @module */

import { isRecord, isText } from "../../core/checks.ts";
import { isSeed } from "../../core/random.ts";
import type { Json } from "../safetensors/header.ts";
import {
  field,
  flag,
  isFinite,
  isNames,
  isRank,
  isShare,
  list,
  type ModuleSelection,
  number,
  ofEveryMethod,
  refuse,
  refuseUnknown,
  selectionOf,
} from "./config.ts";

/** PEFT's methods that train virtual tokens. */
export type PromptType = "PROMPT_TUNING" | "PREFIX_TUNING";

/** PEFT's configuration of virtual tokens. */
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
    ...ofEveryMethod,
    ...["num_virtual_tokens", "token_dim", "num_layers", "num_attention_heads"],
    ...["num_transformer_submodules", "modules_to_save"],
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
  refuseUnknown(json, names, `be absent where peft_type is ${type}`);
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

/** PEFT's configuration of a VeRA adapter. */
export interface VeraConfig extends ModuleSelection {
  /** `r`. */
  readonly rank: number;
  /** `projection_prng_key`. */
  readonly seed: number;
  /** `save_projection`: whether the file has A and B. */
  readonly savesProjections: boolean;
  /** `d_initial`. */
  readonly dInitial: number;
  /** `vera_dropout`. */
  readonly dropout: number;
  /** `modules_to_save`. */
  readonly savedModules: readonly string[];
  /** `fan_in_fan_out`. */
  readonly fanInFanOut: boolean;
  /** `base_model_name_or_path`. */
  readonly baseModelName?: string;
  /** `task_type`. */
  readonly taskType?: string;
}

/** Fields that do not matter once the weights exist, or that {@link parseVeraConfig} reads. */
const knownVera = new Set([
  ...ofEveryMethod,
  ...["r", "projection_prng_key", "save_projection", "d_initial", "vera_dropout", "bias"],
  ...["target_modules", "exclude_modules", "layers_to_transform", "layers_pattern"],
  ...["modules_to_save", "fan_in_fan_out", "init_weights"],
]);

/**
 * Reads the parsed `adapter_config.json` and refuses what is not supported.
 *
 * @throws {AdapterFileError} when a field has the wrong type, asks for something that is not implemented, or is
 * unknown and not null, false or empty.
 */
export function parseVeraConfig(json: unknown): VeraConfig {
  if (!isRecord(json)) refuse("the configuration", "be a JSON object", json);
  if (json.peft_type !== "VERA") refuse("peft_type", 'be "VERA"', json.peft_type);
  if ((json.bias ?? "none") !== "none") {
    refuse("bias", 'be "none" (not implemented: biases beside VeRA)', json.bias);
  }
  refuseUnknown(json, knownVera);
  return {
    rank: number(json, "r", "be an integer of at least 1", isRank) ?? 256,
    seed: number(json, "projection_prng_key", "be a whole number in [0, 2^32)", isSeed) ?? 0,
    savesProjections: json.save_projection === undefined || flag(json, "save_projection"),
    dInitial: number(json, "d_initial", "be a finite number", isFinite) ?? 0.1,
    dropout: number(json, "vera_dropout", "be in [0, 1)", isShare) ?? 0,
    savedModules: list(field(json, "modules_to_save", "be names", isNames)) ?? [],
    fanInFanOut: flag(json, "fan_in_fan_out"),
    baseModelName: field(json, "base_model_name_or_path", "be text", isText),
    taskType: field(json, "task_type", "be text", isText),
    ...selectionOf(json),
  };
}
