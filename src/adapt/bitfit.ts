/** BitFit: training the biases alone (Ben Zaken et al. 2022). @module */

import { assertOptions } from "../core/options.ts";
import type { Model } from "../models/model.ts";
import { assertFree } from "./attach.ts";
import type { MethodAdapterOptions } from "./method_adapter.ts";
import { savedModulesOf, type SavedValues } from "./saved_values.ts";
import { TrainedCopies } from "./trained_copies.ts";

/**
 * Freezes a model and trains its biases, including those of layer norms, as copies that stand in for
 * the model's own.
 *
 * Cost: 4 bytes per bias value. Merging replaces the biases, so a merged model computes nothing beyond
 * the base model.
 *
 * @throws {RangeError} when the model has an adapter and `onTop` is not set, it has no bias, or another
 * adapter trains one.
 *
 * @example
 * ```ts
 * import { injectBitFit } from "@lowrank/core/adapt";
 * import { initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using adapter = injectBitFit(model);
 * console.log(adapter.parameters.reduce((sum, { size }) => sum + size, 0)); // 11 · 8 + 3 · 8 = 112
 * ```
 */
export function injectBitFit(model: Model, options: MethodAdapterOptions = {}): TrainedCopies {
  assertOptions("injectBitFit", options, { onTop: true, modulesToSave: true });
  assertFree(model, options, "injectBitFit");
  return bitFitOn(model, options.modulesToSave);
}

/** BitFit from a file that was read. */
export function loadBitFit(model: Model, saved: SavedValues): TrainedCopies {
  return bitFitOn(model, savedModulesOf(saved.config), saved);
}

function bitFitOn(
  model: Model,
  modulesToSave: readonly string[] = [],
  saved?: SavedValues,
): TrainedCopies {
  const config = { method: "bitfit", modules_to_save: modulesToSave };
  return new TrainedCopies(model, [...biasesOf(model), ...modulesToSave], config, saved);
}

function biasesOf({ parameters }: Model): string[] {
  const biases = [...parameters.values()].filter(({ name }) => name.endsWith(".bias"));
  if (biases.length === 0) throw new RangeError("BitFit needs a model with biases, found none");
  const taken = biases.find(({ substitute }) => substitute);
  if (!taken) return biases.map(({ name }) => name);
  throw new RangeError(`BitFit needs biases that no adapter trains, found ${taken.name} in use`);
}
