/** Interfaces that adapters of all methods implement, and options that they share. @module */

import { FourBitWeight } from "../autograd/four_bit.ts";
import type { Parameter } from "../autograd/parameter.ts";
import type { OptionNames } from "../core/checks.ts";
import { quote } from "../core/errors.ts";
import { wholeAdapters } from "../core/module_names.ts";
import { grouped } from "../core/numbers.ts";
import type { Shape } from "../core/tensor.ts";
import type { Tensor } from "../device/device.ts";
import type { FloatDtype } from "../formats/mod.ts";
import {
  type AdapterValues,
  type AppliedAdapter,
  assertModel,
  type Model,
} from "../models/model.ts";
import type { Adaptation } from "../nn/linear.ts";
import type { QuantizedForm } from "../quant/quantized_tensor.ts";
import { isHubName, parseHubName } from "../storage/hub_name.ts";
import type { Folder } from "../storage/storage.ts";

/** Options for saving an adapter. */
export interface SaveAdapterOptions {
  /** Name or path of the base model. Default: the folder that it was loaded from, `null` for another. */
  readonly baseModelName?: string;
  /** Dtype of the values in the file. Default F32. */
  readonly dtype?: FloatDtype;
}

/** The names of {@link SaveAdapterOptions}. */
export const saveNames: OptionNames<SaveAdapterOptions> = { baseModelName: true, dtype: true };

/** Storage form of a model's weights in 4 bits, from the first one that has one; none of floats. */
export function quantizedBaseOf({ weights }: Pick<Model, "weights">): QuantizedForm | undefined {
  for (const weight of weights?.values() ?? []) {
    if (weight instanceof FourBitWeight) return weight.form;
  }
}

/** PEFT's name of a base model in a folder: for the hub's, the name of the repository. */
export function baseNameIn(folder: Folder | undefined): string | undefined {
  if (isHubName(folder)) return parseHubName(folder).repository;
  return typeof folder === "string" ? folder : undefined;
}

/** Change that merging an adapter makes to one tensor of the model. */
export interface WeightChange {
  /** The tensor's name: `transformer.h.0.attn.c_attn.weight`. */
  readonly name: string;
  /** Its extents, (out, in) for the weight of a linear layer. */
  readonly shape: Shape;
  /** Applies the change to a copy of the tensor, in F32. */
  mergeInto(copy: Tensor): void;
}

/**
 * A trainable change to a model, in force from its creation until {@link Adapter.remove}. While a model
 * has any adapter, its own parameters are frozen; several adapters on one model act together.
 */
export interface Adapter extends AppliedAdapter, Disposable {
  /** The model that it was made for. */
  readonly model: Model;
  /** Trained parameters; role `adapter`. */
  readonly parameters: readonly Parameter[];
  /**
   * Saves the adapter to a folder, in its method's file format, as a whole: after a crash at any time, a
   * reader finds the old adapter, the new one, or no `adapter_config.json` and so an error.
   *
   * @throws {RangeError} when a value is not finite in the file's dtype; nothing is written.
   * @throws {Error} when a file cannot be written; the message says what a reader finds.
   */
  save(folder: string, options?: SaveAdapterOptions): Promise<void>;
  /**
   * Removes the adapter and restores the model bit for bit; a second call does nothing. The adapter's
   * values stay readable until disposal.
   */
  remove(): void;
  /**
   * Changes that `merge` makes to the model's tensors.
   *
   * @throws {RangeError} when the method does not change weights and so cannot be merged.
   */
  weightChanges(): readonly WeightChange[];
}

/**
 * Asserts that it is an adapter: callers without types may pass its updates.
 *
 * @throws {TypeError} when it is not.
 */
export function assertAdapter(action: string, adapter: Adapter): void {
  if (typeof adapter?.weightChanges === "function") return;
  throw new TypeError(`${action} needs an adapter, found ${quote(adapter)}`);
}

/** A linear layer or a place, and what is to adapt it. */
export type Attachment = readonly [layer: { readonly adaptations: Adaptation[] }, Adaptation];

/** Options of every injector that are no part of a method. */
export const ofInjector = { seed: true, onTop: true } as const;

/** Option for acting together with other adapters. */
export interface JoinOptions {
  /** True if the model may have adapters: this one acts together with them. Default false. */
  readonly onTop?: boolean;
}

/** Throws a `RangeError` for a model that has an adapter, unless this one may join it. */
export function assertFree(
  model: Model,
  { onTop = false }: JoinOptions,
  action: string,
): void {
  assertModel(action, model);
  const { adapters } = model;
  if (onTop || adapters.size === 0) return;
  const values = wholeAdapters(adapters).flatMap(({ parameters }) => parameters)
    .reduce((sum, { size }) => sum + size, 0);
  throw new RangeError(
    `${action} needs a model without an adapter, found one of ${grouped(values)} values on it: ` +
      "call its remove(), or pass onTop: true to have both act together, or shareBase(model) to keep them apart",
  );
}

/** Adapters whose values act already: those in the weights, and those beside them. */
export interface ActingValues extends Pick<Model, "merged"> {
  /** The adapters. */
  readonly adapters: Iterable<Pick<AppliedAdapter, "values">>;
}

/** True if two lines of `adapterFile` are of the same weights, in any folders. */
const isSameFile = (one: string, other: string): boolean => digestIn(one) === digestIn(other);

const digestIn = (line: string) => line.slice(line.lastIndexOf(" ") + 1);

/** Throws a `RangeError` where values of an adapter act already: they would act twice. */
export function assertNotIn(
  { merged = [], adapters }: ActingValues,
  values: AdapterValues,
): void {
  const isSame = (one?: AdapterValues) =>
    one && (one === values || one.file && values.file && isSameFile(one.file, values.file));
  const name = values.file?.replace(/ sha256 .*/, "") ?? "one";
  const rule = `an adapter must be applied once, found ${name}`;
  if (merged.some(isSame)) {
    throw new RangeError(`${rule} in the model's weights already: use the model without it`);
  }
  if ([...adapters].some(({ values }) => isSame(values))) {
    throw new RangeError(`${rule} on the model already: name it once, or call its remove() first`);
  }
}

/**
 * Freezes a model and adds an adapter's adaptations to its layers, until the returned function is called; a
 * second call of that does nothing.
 *
 * @param trained Parameters of the model that the adapter trains.
 */
export function attach(
  model: Model,
  adapter: AppliedAdapter,
  attachments: readonly Attachment[],
  trained: Iterable<Parameter> = [],
): () => void {
  const unfreeze = freeze(model, trained);
  model.adapters.add(adapter);
  for (const [{ adaptations }, adaptation] of attachments) adaptations.push(adaptation);
  return () => {
    for (const [{ adaptations }, adaptation] of attachments) {
      const at = adaptations.indexOf(adaptation);
      if (at >= 0) adaptations.splice(at, 1);
    }
    model.adapters.delete(adapter);
    unfreeze();
  };
}

/**
 * Freezes a model's own parameters and trains those in `except`, until the returned function is called.
 * Several freezes may overlap: a parameter is trained while any of them excepts it, and gets its
 * original `trainable` flag back when the last one ends.
 */
export function freeze(model: Model, except: Iterable<Parameter> = []): () => void {
  const trained = new Set(except);
  const releases = [...model.parameters.values()].map((parameter) =>
    parameter.hold(trained.has(parameter))
  );
  return () => releases.forEach((release) => release());
}
