/** What every adapter is, whatever its method. @module */

import type { Parameter } from "../autograd/parameter.ts";
import type { Shape } from "../core/shape.ts";
import type { Tensor } from "../device/device.ts";
import type { FloatDtype } from "../formats/mod.ts";
import type { Model } from "../models/model.ts";

/** What a saved adapter says beside its values. */
export interface SaveAdapterOptions {
  /** Name or path of the base model; `null` in the file by default. */
  readonly baseModelName?: string;
  /** Type of the values in the file. Default F32. */
  readonly dtype?: FloatDtype;
}

/** What merging an adapter does to one tensor of the model. */
export interface WeightChange {
  /** The tensor's name: `transformer.h.0.attn.c_attn.weight`. */
  readonly name: string;
  /** Its extents, (out, in) for the weight of a linear layer. */
  readonly shape: Shape;
  /** Changes a copy of the tensor, in F32. */
  mergeInto(copy: Tensor): void;
}

/**
 * A trained change of a model, in force from when it is made until {@link Adapter.remove}. While any is on
 * a model, the model's own parameters are frozen; several on one model act together.
 */
export interface Adapter extends Disposable {
  /** The model that it was made for. */
  readonly model: Model;
  /** What is trained; role `adapter`. */
  readonly parameters: readonly Parameter[];
  /**
   * Writes it to a folder, in the form of its method.
   *
   * @throws {Error} when a file cannot be written; older files stay.
   */
  save(folder: string, options?: SaveAdapterOptions): Promise<void>;
  /**
   * Takes it off the model, which is then as it was before, to the bit; a second call does nothing. Its
   * values stay readable until disposal.
   */
  remove(): void;
  /**
   * What `merge` does to the model's tensors.
   *
   * @throws {RangeError} when the method is no change of weights, so that it cannot be merged.
   */
  weightChanges(): readonly WeightChange[];
}
