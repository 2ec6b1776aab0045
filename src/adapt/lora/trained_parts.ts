/** What an adapter trains of the model itself. @module */

import type { BiasMode } from "../../formats/mod.ts";
import type { Model } from "../../models/model.ts";
import { moduleOf } from "../../core/module_names.ts";
import { TrainedModules } from "../trained_modules.ts";

/** Modules in full and biases, which an adapter of low-rank updates trains beside them. */
export interface TrainedParts {
  /** Modules in full. */
  readonly modules?: TrainedModules;
  /** Biases. */
  readonly biases?: TrainedModules;
  /** Which biases these are. Default `none`. */
  readonly biasMode?: BiasMode;
}

/** New copies of the same parameters, with the values that they have; the old ones must not be in use. */
export async function copyParts(
  model: Model,
  { modules, biases, biasMode }: Required<TrainedParts>,
): Promise<() => TrainedParts> {
  const [saved, own] = [await modules.read(), await biases.read()];
  return () => {
    using unfinished = new DisposableStack();
    const copies = unfinished.use(new TrainedModules(model, [...saved.keys()].map(moduleOf)));
    const ofBiases = unfinished.use(new TrainedModules(model, [...own.keys()]));
    copies.write(saved);
    ofBiases.write(own);
    unfinished.move();
    return { modules: copies, biases: ofBiases, biasMode };
  };
}
