/** The interface of all models, for trainers, adapters and the command line. @module */

import type { Architecture } from "../architectures/architecture.ts";
import type { ConfigJson } from "../architectures/config_fields.ts";
import type { ForwardModel } from "../autograd/loss.ts";
import { withRows } from "../autograd/ops/embedding.ts";
import type { Parameter } from "../autograd/parameter.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Weight } from "../autograd/weight.ts";
import { plainPrompt, type PromptFormat } from "../core/batch.ts";
import type { OptionNames } from "../core/checks.ts";
import { quote } from "../core/errors.ts";
import type { Device, Tensor } from "../device/device.ts";
import type { FloatDtype } from "../core/float_types.ts";
import type { AdaptedLayer, VirtualTokens } from "../nn/embedding.ts";
import type { KeyValueCache } from "../nn/key_value_cache.ts";
import { Linear } from "../nn/linear.ts";
import type { Place } from "../nn/place.ts";
import type { Folder } from "../storage/storage.ts";
import type { StoredTensors } from "./layers.ts";

/** Options of a forward pass. */
export interface ForwardOptions {
  /** Keys and values of earlier tokens; the pass adds its own. */
  readonly cache?: KeyValueCache;
  /** Rows of the batch · time tokens whose outputs are wanted. Default: all. */
  readonly rows?: readonly number[];
}

/** The values that an adapter has from one step of its training to the next. */
export interface AdapterValues {
  /** The file that holds them, once one does: the end of its folder's path, and a digest. */
  file?: string;
}

/** The rows of a batch, which a pass tells what it is of. */
export interface PassRows {
  /**
   * Begins a pass.
   *
   * @param starts The first token of each row, and the end of the last.
   * @throws {ShapeError} when it is of another number of rows.
   */
  begin(starts: readonly number[]): void;
  /** Says that the layers that follow read these tokens alone. */
  pick(tokens: readonly number[]): void;
}

/** An adapter that is on a model, as the model records it. */
export interface AppliedAdapter {
  /** Its trainable parameters. */
  readonly parameters: readonly Parameter[];
  /** The adapters of which it is made, which are on the model as well. */
  readonly parts?: readonly AppliedAdapter[];
  /**
   * Identity of its values, which a merged model records; it changes with each step of a training.
   */
  values?: AdapterValues;
  /** Format of the prompts of its training, if it was trained on any. */
  promptFormat?: PromptFormat;
  /** The adapter of each row of a batch, where rows have adapters of their own. */
  readonly batchRows?: PassRows;
  /** Takes it off the model; a second call does nothing. */
  remove(): void;
}

/**
 * A model on a device: its parameters and forward pass. Code that adapts, merges or saves a model does
 * not depend on its inputs; `Inputs` only matters to callers of `forward`.
 */
export interface Model<Inputs = unknown> extends ForwardModel<Inputs>, Disposable {
  /** The device that holds it. */
  readonly device: Device;
  /** Its layers and tensors in Hugging Face's files; absent for a model of an unknown family. */
  readonly architecture?: Architecture;
  /** Its own parameters by their names in a Hugging Face file, without adapters. */
  readonly parameters: ReadonlyMap<string, Parameter>;
  /** Its matrices that are not stored in F32 and cannot be trained, by the same names; none if left out. */
  readonly weights?: ReadonlyMap<string, Weight>;
  /** Its linear layers, in the order of the forward pass; adapters attach to them. */
  readonly linears: readonly Linear[];
  /** Its embeddings and its language model's head, which adapters change where they are named. */
  readonly outerLayers?: readonly AdaptedLayer[];
  /**
   * Places where adapters may change the output of a sublayer or the sum after it, in the order of
   * the forward pass.
   */
  readonly places: readonly Place[];
  /** The virtual tokens that an adapter puts before every sequence, if one does. */
  virtualTokens?: VirtualTokens;
  /** The adapters in force, in the order in which they were injected. */
  readonly adapters: Set<AppliedAdapter>;
  /** Adapters whose values were merged into its weights. */
  merged?: readonly AdapterValues[];
  /** Format of the prompts of its own training, if it was trained on any. */
  promptFormat?: PromptFormat;
  /** The parameters to train: base parameters that are not frozen, and adapters. */
  trainable(): Parameter[];
  /**
   * The same model, without adapters, with the named tensors replaced and all others shared. Disposing
   * it disposes `owner`, which owns the new tensors.
   */
  withTensors(replaced: StoredTensors, owner: Disposable): Model<Inputs>;
  /** Maps inputs to outputs: a row for each token, sequence or example. */
  forward(tape: Tape, inputs: Inputs, options?: ForwardOptions): Tensor;
}

/**
 * Asserts that it is a model: callers without types may leave it out.
 *
 * @throws {TypeError} when it is not.
 */
export function assertModel(action: string, model: Pick<Model, "trainable">): void {
  if (typeof model?.trainable === "function") return;
  throw new TypeError(`${action} needs a model, found ${quote(model)}`);
}

/**
 * The parameters that gradients are computed for: those of the base model, then those of virtual tokens, then
 * those of other adapters, layer by layer.
 */
export function trainableOf(
  { parameters, linears, outerLayers = [], places, virtualTokens }: Pick<
    Model,
    "parameters" | "linears" | "outerLayers" | "places" | "virtualTokens"
  >,
): Parameter[] {
  const layers = [...linears, ...outerLayers, ...places.flatMap((place) => [place, place.sum])];
  const adapted = layers.flatMap(({ adaptations }) =>
    adaptations.flatMap(({ parameters }) => parameters)
  );
  const heads = outerLayers.flatMap((layer) =>
    layer instanceof Linear ? layer.substitute?.parameter ?? [] : []
  );
  const own = [...[...parameters.values()].flatMap(withRows), ...heads];
  return [...own, ...[virtualTokens?.parameter ?? []].flat(), ...adapted].filter(({ trainable }) =>
    trainable
  );
}

/** Number of values that training changes. */
export function countTrainable(model: Pick<Model, "trainable">): number {
  assertModel("countTrainable", model);
  return model.trainable().reduce((sum, { size }) => sum + size, 0);
}

/**
 * Format of the prompts for a model: that of the training of its latest adapter, or else of its
 * own.
 */
export const promptFormatOf = (model: Model): PromptFormat => recordedFormat(model) ?? plainPrompt;

/** Format of the prompts as it is recorded; `undefined` without a record. */
export function recordedFormat({ adapters, promptFormat }: Model): PromptFormat | undefined {
  return [...adapters].findLast((adapter) => adapter.promptFormat)?.promptFormat ?? promptFormat;
}

/** Settings of a model beyond its configuration. */
export interface ModelOptions {
  /**
   * Dropout rate of embeddings, residual branches and classifiers while training with a dropout seed. Default:
   * those of the configuration (GPT-2's `embd_pdrop` and `resid_pdrop`); attention probabilities are never dropped.
   */
  readonly dropout?: number;
}

/** The fields by which families ask for dropout that they apply. */
const appliedRates = [
  ...["embd_pdrop", "resid_pdrop", "hidden_dropout"] as const,
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
  /** Type of its stored values; F32 if tensors differ. */
  readonly dtype: FloatDtype;
}

/** Settings that a model keeps besides its configuration and its tensors. */
export interface TextModelOptions extends ModelOptions {
  /** Origin of its files; absent for a model that was made here. */
  readonly origin?: ModelOrigin;
  /** Name of its family, for display. Default: its model type. */
  readonly family?: string;
}

/** The largest rate of dropout in training: of its options or else of its configuration. */
export const dropoutRateOf = (config: ConfigJson, { dropout }: ModelOptions): number =>
  dropout ?? Math.max(0, ...appliedRates.map((name) => Number(config[name] ?? 0)));

/**
 * Note that attention's probabilities are not dropped, where a configuration asks for it; undefined
 * if not.
 */
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
