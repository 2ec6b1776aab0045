/** Options of a model, and what they and its configuration say of dropout. @module */

import type { ConfigJson } from "../architectures/config_fields.ts";
import type { OptionNames } from "../core/options.ts";
import type { Folder } from "../core/storage.ts";
import type { Device } from "../device/device.ts";
import type { FloatDtype } from "../formats/mod.ts";
import type { StoredTensors } from "./model_layers.ts";

/** How a model behaves beyond its configuration. */
export interface ModelOptions {
  /**
   * Dropout rate of embeddings, residual branches and classifiers while training with a dropout seed. Default:
   * those of the configuration (GPT-2's `embd_pdrop` and `resid_pdrop`); attention probabilities are never dropped.
   */
  readonly dropout?: number;
}

/** The fields by which families ask for dropout that they apply. */
const appliedRates = [
  ...["embd_pdrop", "resid_pdrop"] as const,
  ...["hidden_dropout_prob", "classifier_dropout", "pooler_dropout", "cls_dropout"] as const,
] as const;

/** The fields by which families ask for dropout of attention's probabilities. */
const attentionRates = ["attn_pdrop", "attention_probs_dropout_prob", "attention_dropout"] as const;

/** The names of {@link ModelOptions}. */
export const modelNames: OptionNames<ModelOptions> = { dropout: true };

/** The folder that a model was loaded from, as far as it is saved again. */
export interface ModelOrigin {
  /** The folder itself, for the small files in it. */
  readonly folder: Folder;
  /** Its `config.json`. */
  readonly config: ConfigJson;
  /** How it stores values; F32 if tensors differ. */
  readonly dtype: FloatDtype;
}

/** What a model keeps besides its configuration and its tensors. */
export interface TextModelOptions extends ModelOptions {
  /** Where it came from; absent for a model that was made here. */
  readonly origin?: ModelOrigin;
}

/** The largest rate of dropout in training: of its options or else of its configuration. */
export const dropoutRateOf = (config: ConfigJson, { dropout }: ModelOptions): number =>
  dropout ?? Math.max(0, ...appliedRates.map((name) => Number(config[name] ?? 0)));

/** That attention's probabilities are not dropped, where a configuration asks for it; undefined if not. */
export function unappliedDropoutOf(
  config: ConfigJson,
  { dropout }: ModelOptions,
): string | undefined {
  const field = attentionRates.find((name) => config[name]);
  if (field === undefined || dropout !== undefined) return undefined;
  return `${field} of config.json, ${config[field]}, is not applied: attention's probabilities ` +
    "are never dropped";
}

/** A family's class. */
export type TextModelClass<Family> = new (
  device: Device,
  config: ConfigJson,
  tensors: StoredTensors,
  owner: Disposable,
  options?: TextModelOptions,
) => Family;
