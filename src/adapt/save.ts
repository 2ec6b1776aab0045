/**
 * Facts that adapters of all methods save beside their values; this module is loaded when one is
 * saved.
 *
 * @module
 */

import type { PromptFormat } from "../core/batch.ts";
import { isText } from "../core/checks.ts";
import { listNames } from "../core/module_names.ts";
import type { HostTensor } from "../core/tensor.ts";
import { cardText, inCode, pythonSnippet, type TaskFacts } from "../formats/peft/card.ts";
import { type AdapterContent, sharedMetadata } from "../formats/peft/write.ts";
import type { Json } from "../formats/safetensors/header.ts";
import type { CardWords } from "../methods/method.ts";
import { methodOfConfig } from "../methods/mod.ts";
import { labelsOf } from "../models/labels.ts";
import type { Model } from "../models/model.ts";
import { TextModel } from "../models/text_model.ts";
import type { AdaptedLayer } from "../nn/embedding.ts";
import { Linear } from "../nn/linear.ts";
import { baseNameIn, quantizedBaseOf, type SaveAdapterOptions } from "./adapter.ts";

/** The folder of a model's weights, or its name on the hub; none where they were made here, or adapters merged into them. */
export function baseNameOf(model: Model): string | undefined {
  if (!(model instanceof TextModel) || "base" in model) return undefined;
  return baseNameIn(model.options.origin?.folder);
}

/** The names of the labels of a classifier, if an adapter trains modules of it in full. */
export const labelsFor = (model: Model, withModules: boolean): string[] | undefined =>
  model instanceof TextModel && withModules ? labelsOf(model) : undefined;

/**
 * True if files hold a layer's weight as (in, out): PEFT sets a flag for such layers, which are
 * Conv1D.
 */
export function isStoredTurned(
  { architecture }: Model,
  layers: readonly Pick<AdaptedLayer, "weight">[],
): boolean {
  const turned = architecture?.tensors.filter(({ storedTransposed }) => storedTransposed);
  const names = new Set(turned?.map(({ name }) => name));
  return layers.some((layer) => layer instanceof Linear && names.has(layer.weight.name));
}

/** PEFT's name for the task of a model, whose classifier an adapter may have trained. */
export function taskTypeOf(model: Model, withModules: boolean): string | null {
  if (!(model instanceof TextModel)) return "CAUSAL_LM";
  if (withModules && labelsOf(model)) return "SEQ_CLS";
  return model.isCausal ? "CAUSAL_LM" : null;
}

/** Values and facts that are saved of an adapter of named tensors. */
export interface NamedValues {
  /** The model that it is on. */
  readonly model: Model;
  /** Format of the prompts in training. */
  readonly promptFormat?: PromptFormat;
  /** The method and its settings. */
  readonly config: Json;
  /** Its tensors by their names in the file. */
  readonly tensors: ReadonlyMap<string, HostTensor>;
  /** Number of trained values. */
  readonly trained: number;
  /** True if modules of the model were trained in full with it. */
  readonly withModules: boolean;
}

/** Content of the folder of an adapter of named tensors. */
export function namedContent(
  { model, promptFormat, config, tensors, trained, withModules }: NamedValues,
  options: SaveAdapterOptions,
): AdapterContent {
  const { baseModelName, dtype } = { baseModelName: baseNameOf(model), ...options };
  const labels = labelsFor(model, withModules), { modules_to_save: names } = config;
  const full = Array.isArray(names) ? names.filter(isText) : [];
  return {
    config: { ...config, base_model_name_or_path: baseModelName ?? null },
    tensors,
    metadata: sharedMetadata({ promptFormat, labels, quantizedBase: quantizedBaseOf(model) }),
    card: methodCard(config, { baseModelName, trained, labels, full, promptFormat, dtype }),
    dtype,
  };
}

/** Words for a method that is not ours. */
const unknown: CardWords = {
  ...{ title: "Adapter", tag: "adapter", what: "An addition to a base model." },
};

/** Facts about an adapter beside its configuration. */
export interface CardFacts extends TaskFacts {
  /** Name or path of the base model. */
  readonly baseModelName?: string;
  /** Number of trained values. */
  readonly trained: number;
}

/** The card's text: what the adapter is, how many values it trains, and how to load it. */
export function methodCard(config: Json, facts: CardFacts): string {
  const { baseModelName, trained, labels } = facts,
    { card = unknown } = methodOfConfig(config) ?? {};
  const { title, library, tag, what, settings = {} } = card;
  return cardText({
    ...{ ...facts, title, library, tag, about: what },
    settings: Object.entries(settings).flatMap(([name, field]) => settingLine(name, config[field])),
    parameters: trained.toLocaleString("en"),
    python: pythonFor(card, config, facts),
    typescript: `import { loadAnyAdapter } from "@lowrank/core/adapt";
import { loadModel, openDevice } from "@lowrank/core";

using device = await openDevice();
using model = await loadModel(device, ${JSON.stringify(baseModelName ?? "the base model")}${
      labels ? `, { labels: ${JSON.stringify(labels)} }` : ""
    });
using adapter = await loadAnyAdapter(model, "this folder");`,
  });
}

/** `Rank: 256`; nothing for what is neither a number nor a list of names. */
function settingLine(name: string, value: unknown): string[] {
  if (typeof value === "number") return [`${name}: ${value}`];
  if (!Array.isArray(value) || !value.every(isText)) return [];
  return [`${name}: ${value.length}, ${inCode(listNames(value))}`];
}

/** The lines of Python, where a library reads the folder. */
function pythonFor(card: CardWords, config: Json, facts: CardFacts): string | undefined {
  if (card.python !== undefined) return card.python;
  if (!isText(config.peft_type) || card.isWithoutLabels && facts.labels) return undefined;
  const taskType = isText(config.task_type) ? config.task_type : null;
  return pythonSnippet({ ...facts, taskType, hasVirtualTokens: "num_virtual_tokens" in config });
}
