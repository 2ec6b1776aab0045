/** Training a model's top blocks alone (Hu et al. 2021, section 5.1: FT-Top2). @module */

import { topBlocks } from "../architectures/blocks.ts";
import { assertOptions } from "../core/options.ts";
import type { Model } from "../models/model.ts";
import { assertFree } from "./attach.ts";
import type { MethodAdapterOptions } from "./method_adapter.ts";
import { savedModulesOf, type SavedValues } from "./saved_values.ts";
import { TrainedCopies } from "./trained_copies.ts";
import { assertInF32 } from "./trained_modules.ts";

/** How much of a model to train. */
export interface TopLayersOptions extends MethodAdapterOptions {
  /** Blocks at the top that are trained as a whole, from 1 to all of them. */
  readonly layers: number;
}

/**
 * Freezes a model and trains its last blocks, as copies that stand in for the model's own: matrices, biases and
 * norms. The final norm and the head stay frozen, as in the paper's count (25.19M for two of GPT-2 medium's).
 *
 * Cost: 4 bytes per value of these blocks. Merging replaces them.
 *
 * @throws {TypeError} when an option does not exist.
 * @throws {RangeError} when the model has an adapter and `onTop` is not set, it has no list of blocks or fewer of
 * them, another adapter trains one of their parameters, or some are not in F32.
 *
 * @example
 * ```ts
 * import { injectTopLayers } from "@lowrank/core/adapt";
 * import { initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 2, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using adapter = injectTopLayers(model, { layers: 1 });
 * console.log(adapter.parameters[0].name); // transformer.h.1.ln_1.weight
 * ```
 */
export function injectTopLayers(model: Model, options: TopLayersOptions): TrainedCopies {
  assertOptions("injectTopLayers", options, { layers: true, onTop: true, modulesToSave: true });
  assertFree(model, options, "injectTopLayers");
  return topLayersOn(model, options.layers, options.modulesToSave);
}

/** Top layers from a file that was read. */
export function loadTopLayers(model: Model, saved: SavedValues): TrainedCopies {
  return topLayersOn(model, saved.config.layers as number, savedModulesOf(saved.config), saved);
}

function topLayersOn(
  model: Model,
  layers: number,
  modulesToSave: readonly string[] = [],
  saved?: SavedValues,
): TrainedCopies {
  const blocks = topBlocks(model.architecture?.layers ?? [], layers);
  assertInF32(model, blocks, "top layers need");
  const config = { method: "top-layers", layers, modules_to_save: modulesToSave };
  return new TrainedCopies(model, [...blocks, ...modulesToSave], config, saved);
}
