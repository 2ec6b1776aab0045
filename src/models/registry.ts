/** The supported model families, by the `model_type` of their configurations. @module */

import type { ConfigJson } from "../architectures/config_fields.ts";
import { completeDebertaConfig } from "../architectures/families/deberta.ts";
import { completeEncoderConfig } from "../architectures/families/bert.ts";
import { gpt2ConfigJson, parseGpt2Config } from "../architectures/families/gpt2.ts";
import { completeGptNeoxConfig } from "../architectures/families/gpt_neox.ts";
import { completeLlamaConfig } from "../architectures/families/llama.ts";
import { completeQwen3Config } from "../architectures/families/qwen3.ts";
import { completeMpnetConfig } from "../architectures/families/mpnet.ts";
import { quote } from "../core/errors.ts";
import type { Device } from "../device/device.ts";
import { allocateText } from "./allocate_text.ts";
import { Bert } from "./families/bert.ts";
import { Deberta } from "./families/deberta.ts";
import { Gpt2 } from "./families/gpt2.ts";
import { GptNeox } from "./families/gpt_neox.ts";
import { Llama } from "./families/llama.ts";
import { Mpnet } from "./families/mpnet.ts";
import { Qwen3 } from "./families/qwen3.ts";
import type { StoredForms } from "./stored_forms.ts";
import type { TextModelClass, TextModelOptions } from "./model.ts";
import type { TextModel } from "./text_model.ts";

/** Turns a configuration into a model of one family. */
interface Family {
  /** Its name, for display. */
  readonly name: string;
  /** The full configuration, with defaults filled in; refuses what the forward pass does not implement. */
  complete(json: ConfigJson): ConfigJson;
  /** Its model. */
  readonly model: TextModelClass<TextModel>;
  /** The class of transformers that classifies sequences. */
  readonly classifier: string;
}

const llamaLike = (name: string): Family => ({
  name,
  complete: completeLlamaConfig,
  model: Llama,
  classifier: `${name}ForSequenceClassification`,
});

const families: Readonly<Record<string, Family>> = {
  gpt2: {
    name: "GPT-2",
    complete: (json) => gpt2ConfigJson(parseGpt2Config(json)),
    model: Gpt2,
    classifier: "GPT2ForSequenceClassification",
  },
  bert: {
    name: "BERT",
    complete: completeEncoderConfig,
    model: Bert,
    classifier: "BertForSequenceClassification",
  },
  roberta: {
    name: "RoBERTa",
    complete: completeEncoderConfig,
    model: Bert,
    classifier: "RobertaForSequenceClassification",
  },
  deberta: {
    name: "DeBERTa",
    complete: completeDebertaConfig,
    model: Deberta,
    classifier: "DebertaForSequenceClassification",
  },
  "deberta-v2": {
    name: "DeBERTa-v2",
    complete: completeDebertaConfig,
    model: Deberta,
    classifier: "DebertaV2ForSequenceClassification",
  },
  llama: llamaLike("Llama"),
  mistral: llamaLike("Mistral"),
  qwen2: llamaLike("Qwen2"),
  qwen3: {
    name: "Qwen3",
    complete: completeQwen3Config,
    model: Qwen3,
    classifier: "Qwen3ForSequenceClassification",
  },
  gpt_neox: {
    name: "GPT-NeoX",
    complete: completeGptNeoxConfig,
    model: GptNeox,
    classifier: "GPTNeoXForSequenceClassification",
  },
  mpnet: {
    name: "MPNet",
    complete: completeMpnetConfig,
    model: Mpnet,
    classifier: "MPNetForSequenceClassification",
  },
};

/**
 * Allocates the model of a configuration, with all weights zero, to be filled.
 *
 * @param forms The matrices that are not in F32: see `storedForms`. Default: none.
 * @throws {RangeError} when its family, or the value of a field, is not supported.
 */
export function allocateModel(
  device: Device,
  config: ConfigJson,
  options?: TextModelOptions,
  forms?: StoredForms,
): TextModel {
  const { name, complete, model } = familyOf(config);
  return allocateText(model, device, complete(config), { ...options, family: name }, forms);
}

/** The supported values of `model_type`. */
export const runnableTypes: readonly string[] = Object.keys(families);

/** {@link runnableTypes} as a part of a sentence. */
export const anyRunnable: string = new Intl.ListFormat("en", { type: "disjunction" })
  .format(runnableTypes);

/**
 * A configuration with its defaults filled in.
 *
 * @throws {RangeError} when its family, or the value of a field, is not supported.
 */
export function completeConfig(config: ConfigJson): ConfigJson {
  return familyOf(config).complete(config);
}

/** Fields that change nothing of what a model computes. */
const editable =
  /^([be]os_token_id|id2label|label2id|dtype|torch_dtype|transformers_version|quantization_config|use_cache|_.*|.*_pdrop|.*dropout.*)$/;

/**
 * The fields of a configuration that determine what a model computes, with defaults filled in: users may
 * edit the names of tokens and classes, and the rates of dropout, by hand. How weights are quantized is said by
 * their own file.
 *
 * @throws {RangeError} As {@link completeConfig}.
 */
export function mathematicsOfModel(config: ConfigJson): ConfigJson {
  const complete = completeConfig(config);
  const rest = Object.fromEntries(
    Object.entries(complete).filter(([field]) => !(editable.test(field))),
  );
  // Digests of GPT-2's files have these fields, as what they are where nothing is trained.
  return complete.model_type === "gpt2"
    ? { ...rest, resid_pdrop: 0, embd_pdrop: 0, attn_pdrop: 0 }
    : rest;
}

/**
 * The family of a configuration.
 *
 * @param what Names the configuration in errors.
 * @throws {RangeError} when its family is not supported.
 */
export function familyOf({ model_type }: ConfigJson, what = "a configuration"): Family {
  if (typeof model_type === "string" && Object.hasOwn(families, model_type)) {
    return families[model_type];
  }
  throw new RangeError(
    `${what} must have model_type ${anyRunnable}, found ${quote(model_type)}`,
  );
}
