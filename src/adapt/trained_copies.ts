/** Methods that train some of a model's own parameters: BitFit and the top layers. @module */

import type { Model } from "../models/model.ts";
import type { WeightChange } from "./adapter.ts";
import { MethodAdapter } from "./method_adapter.ts";
import type { MethodConfig, SavedValues } from "./saved_values.ts";

/**
 * Trained copies of some of a model's parameters, which stand in for its own; made by `injectBitFit` and
 * `injectTopLayers`. A merged model computes nothing beyond the base model.
 */
export class TrainedCopies extends MethodAdapter {
  /** The method and its settings. */
  protected override readonly config: MethodConfig;

  /** Copies the parameters with these names, or of modules with these names, and substitutes the copies for them. */
  constructor(
    model: Model,
    names: readonly string[],
    config: MethodConfig,
    saved?: SavedValues,
  ) {
    super(model, { entries: [], copied: names, build: () => [], saved });
    this.config = config;
  }

  /**
   * Replaces every parameter with the trained copy.
   *
   * @throws {RangeError} when a head has a weight of its own that is tied in the model.
   */
  override weightChanges(): readonly WeightChange[] {
    return this.modules.weightChanges();
  }
}
