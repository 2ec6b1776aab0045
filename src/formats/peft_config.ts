/** The `adapter_config.json` of a PEFT LoRA adapter: every field is honored or refused. @module */

import { isRecord, isText } from "../core/json.ts";
import { hubMethod, isHubConfig } from "./hub_adapter.ts";
import type { Json } from "./json.ts";
import {
  field,
  flag,
  isEmpty,
  isFinite,
  isIndices,
  isMapOf,
  isNames,
  isRank,
  isShare,
  list,
  number,
  refuse,
} from "./peft_fields.ts";
import type { ModuleSelection } from "./peft_patterns.ts";

/** What a PEFT configuration says about the mathematics of an adapter. */
export interface PeftConfig extends ModuleSelection {
  /** `r`, the rank where no pattern applies. */
  readonly rank: number;
  /** `lora_alpha`, where no pattern applies. */
  readonly alpha: number;
  /** `use_rslora`: the scaling is α/√r and not α/r. */
  readonly rankStabilized: boolean;
  /** `rank_pattern`: ranks by a regular expression for the end of a module's name. */
  readonly rankPattern: Readonly<Record<string, number>>;
  /** `alpha_pattern`: the same for alpha, matched independently. */
  readonly alphaPattern: Readonly<Record<string, number>>;
  /** `fan_in_fan_out`: base weights are stored `(in, out)`; trust the layer's type, not this. */
  readonly fanInFanOut: boolean;
  /** `lora_dropout`, which only applies in training. */
  readonly dropout: number;
  /** `base_model_name_or_path`. */
  readonly baseModelName?: string;
  /** `task_type`, for example `CAUSAL_LM`. */
  readonly taskType?: string;
}

/** Fields that say what was trained beside A and B, of which the updates know nothing. */
const BESIDE: Readonly<Record<string, string>> = {
  lora_bias: "biases of B",
  use_dora: "DoRA",
  modules_to_save: "fully trained modules",
  trainable_token_indices: "trained tokens",
};

/** Fields that change what an adapter computes in ways that are not implemented. */
const REFUSED: Readonly<Record<string, string>> = {
  target_parameters: "adapters of raw parameters",
  layer_replication: "replicated layers",
  use_qalora: "QA-LoRA",
  alora_invocation_tokens: "activated LoRA",
  use_bdlora: "block-diagonal LoRA",
  arrow_config: "Arrow",
  kasa_config: "KaSA",
  velora_config: "VeLoRA",
  monteclora_config: "MonteCLoRA",
};

/** Fields that do not matter once the weights exist, or that {@link parsePeftConfig} reads. */
const KNOWN = new Set([
  ...["peft_type", "r", "lora_alpha", "use_rslora", "rank_pattern", "alpha_pattern", "bias"],
  ...["target_modules", "exclude_modules", "layers_to_transform", "layers_pattern"],
  ...["fan_in_fan_out", "lora_dropout", "base_model_name_or_path", "task_type", "revision"],
  ...["auto_mapping", "inference_mode", "init_lora_weights", "loftq_config", "eva_config"],
  ...["corda_config", "lora_ga_config", "megatron_config", "megatron_core", "peft_version"],
  ...["ensure_weight_tying", "qalora_group_size"],
]);

/** Initializations that leave the base weights as they are; PiSSA and the like change them. */
const INITIALIZATIONS: readonly unknown[] = [
  true,
  false,
  null,
  undefined,
  "gaussian",
  "eva",
  "orthogonal",
];

/**
 * Reads the parsed `adapter_config.json` and refuses what is not supported.
 *
 * @throws {AdapterFileError} when a field has the wrong type, asks for something that is not
 * implemented, or is unknown and not null, false or empty.
 *
 * @example
 * ```ts
 * import { parsePeftConfig } from "@lowrank/core/formats";
 *
 * const { rank, alpha } = parsePeftConfig({ peft_type: "LORA", r: 4, lora_alpha: 32 });
 * console.log(alpha / rank); // 8
 * ```
 */
export function parsePeftConfig(json: unknown): PeftConfig {
  if (!isRecord(json)) refuse("the configuration", "be a JSON object", json);
  refuseForeign(json);
  return {
    rank: number(json, "r", "be an integer of at least 1", isRank) ?? 8,
    alpha: number(json, "lora_alpha", "be a finite number", isFinite) ?? 8,
    rankStabilized: flag(json, "use_rslora"),
    rankPattern: field(json, "rank_pattern", "map names to ranks", isMapOf(isRank)) ?? {},
    alphaPattern: field(json, "alpha_pattern", "map names to numbers", isMapOf(isFinite)) ?? {},
    ...selectionOf(json),
    fanInFanOut: flag(json, "fan_in_fan_out"),
    dropout: field(json, "lora_dropout", "be in [0, 1)", isShare) ?? 0,
    baseModelName: field(json, "base_model_name_or_path", "be text", isText),
    taskType: field(json, "task_type", "be text", isText),
  };
}

function refuseForeign(json: Json): void {
  if (isText(json.method)) refuse("the method", "be LoRA, which has low-rank updates", json.method);
  if (isHubConfig(json)) {
    refuse("the adapter", "be PEFT's LoRA", `${hubMethod(json)} of the adapters library`);
  }
  if (json.peft_type !== "LORA") refuse("peft_type", 'be "LORA"', json.peft_type);
  if ((json.bias ?? "none") !== "none") {
    refuse("bias", 'be "none" where A and B alone are read', json.bias);
  }
  if (!INITIALIZATIONS.includes(json.init_lora_weights)) {
    const rule =
      "be an initialization that leaves the base weights unchanged (PEFT can convert the adapter)";
    refuse("init_lora_weights", rule, json.init_lora_weights);
  }
  for (const { name, rule } of unknownFields(json)) refuse(name, rule, json[name]);
}

/** The fields that say something which is not implemented or unknown, and the rule for each. */
export function unknownFields(json: Json): { readonly name: string; readonly rule: string }[] {
  const names = Object.keys(json).filter((name) => !KNOWN.has(name) && !isEmpty(json[name]));
  return names.map((name) => ({ name, rule: `be null, false or empty ${reasonFor(name)}` }));
}

function reasonFor(name: string): string {
  if (Object.hasOwn(BESIDE, name)) return `where A and B alone are read (${BESIDE[name]})`;
  if (Object.hasOwn(REFUSED, name)) return `(not implemented: ${REFUSED[name]})`;
  return "(the field is unknown)";
}

/**
 * The layers that a configuration of any method adapts.
 *
 * @throws {AdapterFileError} when a field has the wrong type, or fields do not go together.
 */
export function selectionOf(json: Json): ModuleSelection {
  refuseLayers(json);
  return {
    targetModules: field(json, "target_modules", "be names or a pattern", isNames),
    excludeModules: field(json, "exclude_modules", "be names or a pattern", isNames),
    layers: list(field(json, "layers_to_transform", "be layer indices", isIndices)),
    layerLists: list(field(json, "layers_pattern", "be names", isNames) || undefined),
  };
}

/** PEFT's rules for choosing layers: only among names, and a list of layers only with their indices. */
function refuseLayers(json: Json): void {
  const { target_modules, layers_to_transform, layers_pattern } = json;
  const isPattern = typeof target_modules === "string";
  for (const [name, value] of Object.entries({ layers_to_transform, layers_pattern })) {
    if (isPattern && (value ?? null) !== null) {
      refuse(name, "be null where target_modules is a pattern", value);
    }
  }
  if (!isEmpty(layers_pattern) && (layers_to_transform ?? null) === null) {
    refuse("layers_pattern", "be with layers_to_transform", layers_pattern);
  }
}
