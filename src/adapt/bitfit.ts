/** BitFit: training the biases alone (Ben Zaken et al. 2022). @module */

import type { Parameter } from "../autograd/parameter.ts";
import type { PromptFormat } from "../core/prompt_format.ts";
import { assertOptions } from "../core/options.ts";
import { Arena } from "../device/arena.ts";
import type { Model } from "../models/model.ts";
import { type Adapter, baseNameOf, type SaveAdapterOptions, type WeightChange } from "./adapter.ts";
import { assertFree, freeze, type JoinOptions } from "./attach.ts";
import { copyTensor } from "./copy_tensor.ts";
import { saveValues } from "./save_values.ts";

/**
 * Freezes a model and trains its biases, including those of layer norms, as copies that stand in for
 * the model's own.
 *
 * Cost: 4 bytes per bias value. Merging replaces the biases, so a merged model computes nothing beyond
 * the base model.
 *
 * @throws {RangeError} when the model has an adapter and `onTop` is not set, it has no bias, or another
 * BitFit adapter is on it.
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
export function injectBitFit(model: Model, options: JoinOptions = {}): BitFitAdapter {
  assertOptions("injectBitFit", options, { onTop: true });
  assertFree(model, options, "injectBitFit");
  return new BitFitAdapter(model);
}

/** Trained biases of a model; made by {@link injectBitFit}. */
export class BitFitAdapter implements Adapter {
  /** The model that it was made for. */
  readonly model: Model;
  /** The model's biases. */
  readonly parameters: readonly Parameter[];
  /** How the prompts of its training were written, if it was trained on any. */
  promptFormat?: PromptFormat;
  readonly #arena: Arena;
  readonly #unfreeze: () => void;

  /** Copies the biases and substitutes the copies for them. */
  constructor(model: Model) {
    this.model = model;
    this.parameters = biasesOf(model);
    this.#arena = new Arena(model.device, this.parameters, "adapter", "BitFit");
    for (const bias of this.parameters) {
      bias.substitute = copyTensor(bias.own, this.#arena.view(bias.name));
    }
    this.#unfreeze = freeze(model, this.parameters);
    model.adapters.add(this);
  }

  /**
   * Saves the biases under their names in the model's file, as a whole: after a crash at any time, a
   * reader finds the old adapter, the new one, or no `adapter_config.json` and so an error.
   *
   * @throws {RangeError} when a value is not finite in the file's dtype; nothing is written.
   * @throws {Error} when a file cannot be written; the message says what a reader finds.
   */
  async save(folder: string, options: SaveAdapterOptions = {}): Promise<void> {
    const values = this.parameters.map(({ name }) => [name, this.#arena.view(name)] as const);
    const base = { baseModelName: baseNameOf(this.model), ...options };
    await saveValues(folder, { method: "bitfit" }, values, base);
  }

  /** Replaces every bias with the trained one. */
  weightChanges(): readonly WeightChange[] {
    return this.parameters.map(({ name, shape }) => {
      return { name, shape, mergeInto: (bias) => void copyTensor(this.#arena.view(name), bias) };
    });
  }

  /** Restores the model's own biases bit for bit. */
  remove(): void {
    for (const bias of this.parameters) {
      if (bias.substitute === this.#arena.view(bias.name)) bias.substitute = undefined;
    }
    this.model.adapters.delete(this);
    this.#unfreeze();
  }

  /** Removes the adapter and frees the copies. */
  [Symbol.dispose](): void {
    this.remove();
    this.#arena[Symbol.dispose]();
  }
}

function biasesOf({ parameters }: Model): Parameter[] {
  const biases = [...parameters.values()].filter(({ name }) => name.endsWith(".bias"));
  if (biases.length === 0) throw new RangeError("BitFit needs a model with biases, found none");
  const taken = biases.find(({ substitute }) => substitute);
  if (!taken) return biases;
  throw new RangeError(`BitFit needs biases that no adapter trains, found ${taken.name} in use`);
}
