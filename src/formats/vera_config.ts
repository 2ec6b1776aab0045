/** The `adapter_config.json` of a PEFT VeRA adapter: every field is honored or refused. @module */

import { isRecord, isText } from "../core/json.ts";
import { selectionOf } from "./peft_config.ts";
import {
  field,
  flag,
  isEmpty,
  isFinite,
  isNames,
  isRank,
  isShare,
  list,
  number,
  refuse,
} from "./peft_fields.ts";
import type { ModuleSelection } from "./peft_patterns.ts";

/** What a configuration says about a VeRA adapter. */
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
const known = new Set([
  ...[
    "peft_type",
    "r",
    "projection_prng_key",
    "save_projection",
    "d_initial",
    "vera_dropout",
    "bias",
  ],
  ...[
    "modules_to_save",
    "target_modules",
    "exclude_modules",
    "layers_to_transform",
    "layers_pattern",
  ],
  ...["fan_in_fan_out", "init_weights", "base_model_name_or_path", "task_type", "revision"],
  ...["auto_mapping", "inference_mode", "peft_version"],
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
  for (const [name, value] of Object.entries(json)) {
    if (!known.has(name) && !isEmpty(value)) {
      refuse(name, "be null, false or empty (the field is unknown)", value);
    }
  }
  const isSeed = (value: unknown): value is number =>
    Number.isInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 32;
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
