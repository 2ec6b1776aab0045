/** PEFT folders of prompt tuning and prefix tuning: bytes to records and back. @module */

import { AdapterFileError } from "../core/errors.ts";
import { jsonText, readJson } from "../core/files.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import { isRecord } from "../core/json.ts";
import { isWithin } from "../core/module_names.ts";
import type { PromptFormat } from "../core/prompt_format.ts";
import { quote } from "../core/quote.ts";
import { saveFolder } from "../core/save_folder.ts";
import { formatShape } from "../core/shape.ts";
import { fileIn, type Folder, folderName } from "../core/storage.ts";
import { openWeights, promptPrefix } from "./adapter_weights.ts";
import { assertOwnConfig, configMetadata } from "./config_digest.ts";
import type { FloatDtype } from "./dtype.ts";
import { assertNoOtherKind } from "./folder_kind.ts";
import type { Json } from "./json.ts";
import { labelsMetadata } from "./labels_metadata.ts";
import { field, isEmpty, isNames, isRank, list, refuse } from "./peft_fields.ts";
import { parsePromptFormat, promptMetadata } from "./prompt_metadata.ts";
import type { SafetensorsFile } from "./safetensors.ts";
import { safetensorsFile } from "./write_safetensors.ts";

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
  /** `modules_to_save`: names of modules that were trained in full. */
  readonly savedModules: readonly string[];
}

/** Virtual tokens as a record. */
export interface PromptRecord extends PromptConfig {
  /** (tokens, width), or for prefix tuning (tokens, 2 · layers · width): keys and values of each block in turn. */
  readonly prompt: HostTensor;
  /** Modules that were trained in full: tensors by their names in the model. */
  readonly saved: ReadonlyMap<string, HostTensor>;
  /** How the prompts of its training were written, if the file says so. */
  readonly promptFormat?: PromptFormat;
}

/** What else is written. */
export interface WritePromptOptions {
  /** Name or path of the base model. */
  readonly baseModelName?: string;
  /** PEFT's task type; null for a model that PEFT knows no task of. */
  readonly taskType: string | null;
  /** The names of a classifier's labels. */
  readonly labels?: readonly string[];
  /** Dtype of the values. Default F32. */
  readonly dtype?: FloatDtype;
}

/** The key of the virtual tokens. */
const KEY = "prompt_embeddings";

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

/** Whether a parsed `adapter_config.json` is one of these methods'. */
export const isPromptConfig = (json: unknown): boolean =>
  isRecord(json) && isPromptType(json.peft_type);

const isPromptType = (value: unknown): value is PromptType =>
  value === "PROMPT_TUNING" || value === "PREFIX_TUNING";

/**
 * Reads a parsed `adapter_config.json` of prompt tuning or prefix tuning.
 *
 * @throws {AdapterFileError} when a field is missing or wrong, or is not one of the method's.
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
 * Reads a PEFT folder of prompt tuning or prefix tuning.
 *
 * @throws {AdapterFileError} when the folder is incomplete or broken, a field or tensor is not the method's, or a
 * value is not finite.
 */
export async function readPrompt(folder: Folder): Promise<PromptRecord> {
  try {
    const config = parsePromptConfig(await readJson(fileIn(folder, "adapter_config.json")));
    using file = await openWeights(folder, {});
    await assertOwnConfig(file.metadata, "adapter_config.json", config);
    assertPrompt(file, config);
    const saved = new Map<string, HostTensor>();
    for (const key of file.tensors.keys()) {
      if (key !== KEY) saved.set(nameOf(key, config), await file.read(key));
    }
    const prompt = await file.read(KEY), promptFormat = parsePromptFormat(file.metadata);
    return { ...config, prompt, saved, promptFormat };
  } catch (error) {
    const { message, cause } = error as Error, place = folderName(folder);
    throw new AdapterFileError(`cannot read the adapter in ${place}: ${message}`, { cause });
  }
}

function assertPrompt({ tensors }: SafetensorsFile, config: PromptConfig): void {
  const { type, tokens, width, layers } = config, found = tensors.get(KEY)?.shape;
  const wanted = [tokens, type === "PREFIX_TUNING" ? 2 * layers * width : width];
  if (found?.join() === wanted.join()) return;
  throw new AdapterFileError(
    `${KEY} must be ${formatShape(wanted)} by the configuration, found ${
      found ? formatShape(found) : "none"
    }`,
  );
}

/** The model's name of a tensor of a module that was trained in full. */
function nameOf(key: string, { savedModules }: PromptConfig): string {
  const name = key.startsWith(promptPrefix) ? key.slice(promptPrefix.length) : undefined;
  if (name !== undefined && savedModules.some((module) => isWithin(name, module))) {
    return name;
  }
  throw new AdapterFileError(
    `a file of virtual tokens must have ${KEY} and tensors of modules_to_save (${
      savedModules.join(", ") || "none"
    }), found ${quote(key)}`,
  );
}

/**
 * Writes a folder that PEFT loads, as a whole: after a crash at any time, a reader finds the old adapter, the new one,
 * or no `adapter_config.json` and so an error.
 *
 * @throws {RangeError} when a value is not finite in the file's dtype, or the folder holds a model.
 * @throws {Error} when a file cannot be written; the message says what a reader finds.
 */
export async function writePrompt(
  folder: string,
  { prompt, saved, promptFormat, ...config }: PromptRecord,
  { dtype = "F32", labels, ...named }: WritePromptOptions,
): Promise<void> {
  await assertNoOtherKind(folder, "adapter");
  const metadata = {
    format: "pt",
    ...promptMetadata(promptFormat),
    ...labelsMetadata(labels),
    ...await configMetadata(config),
  };
  const tensors = [
    ...Array.from(saved, ([name, values]) => [promptPrefix + name, values] as const),
    [KEY, prompt] as const,
  ];
  await saveFolder(folder, [
    safetensorsFile(fileIn(folder, "adapter_model.safetensors"), tensors, { dtype, metadata }),
    { name: "adapter_config.json", content: jsonText(configJson(config, named)) },
  ]);
}

function configJson(
  { type, tokens, width, layers, heads, savedModules }: PromptConfig,
  { baseModelName, taskType }: WritePromptOptions,
): Json {
  return {
    base_model_name_or_path: baseModelName ?? null,
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
