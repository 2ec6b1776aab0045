/** What all adapters have in common, whatever their method. @module */

import { FourBitWeight } from "../autograd/four_bit_weight.ts";
import type { Parameter } from "../autograd/parameter.ts";
import { isHubName, parseHubName } from "../core/hub/name.ts";
import type { OptionNames } from "../core/options.ts";
import { quote } from "../core/quote.ts";
import type { Shape } from "../core/shape.ts";
import type { Folder } from "../core/storage.ts";
import type { Tensor } from "../device/device.ts";
import type { FloatDtype } from "../formats/mod.ts";
import type { AppliedAdapter, Model } from "../models/model.ts";
import { TextModel } from "../models/text_model.ts";
import type { QuantizedForm } from "../quant/quantized_tensor.ts";

/** What is saved with an adapter besides its values. */
export interface SaveAdapterOptions {
  /** Name or path of the base model. Default: the folder that it was loaded from, `null` for another. */
  readonly baseModelName?: string;
  /** Dtype of the values in the file. Default F32. */
  readonly dtype?: FloatDtype;
}

/** The names of {@link SaveAdapterOptions}. */
export const saveNames: OptionNames<SaveAdapterOptions> = { baseModelName: true, dtype: true };

/** The folder of a model's weights, or its name on the hub; none where they were made here, or adapters merged into them. */
export function baseNameOf(model: Model): string | undefined {
  if (!(model instanceof TextModel) || "base" in model) return undefined;
  return baseNameIn(model.options.origin?.folder);
}

/** How a model's weights are stored in 4 bits, by the first one that is; none of floats. */
export function quantizedBaseOf({ weights }: Pick<Model, "weights">): QuantizedForm | undefined {
  for (const weight of weights?.values() ?? []) {
    if (weight instanceof FourBitWeight) return weight.form;
  }
}

/** What PEFT calls a base model in a folder: of the hub's, the name of the repository. */
export function baseNameIn(folder: Folder | undefined): string | undefined {
  if (isHubName(folder)) return parseHubName(folder).repository;
  return typeof folder === "string" ? folder : undefined;
}

/** What merging an adapter does to one tensor of the model. */
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
  /** What is trained; role `adapter`. */
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
   * What `merge` does to the model's tensors.
   *
   * @throws {RangeError} when the method does not change weights and so cannot be merged.
   */
  weightChanges(): readonly WeightChange[];
}

/**
 * Throws unless it is an adapter: callers without types may pass its updates.
 *
 * @throws {TypeError} then.
 */
export function assertAdapter(action: string, adapter: Adapter): void {
  if (typeof adapter?.weightChanges === "function") return;
  throw new TypeError(`${action} needs an adapter, found ${quote(adapter)}`);
}
