/** Bottleneck adapters after sublayers (Houlsby et al. 2019). @module */

import { add } from "../autograd/ops/add.ts";
import { gelu } from "../autograd/ops/gelu.ts";
import { linear } from "../autograd/ops/linear.ts";
import { Parameter } from "../autograd/parameter.ts";
import type { Tape } from "../autograd/tape.ts";
import { isNamed, listNames } from "../core/module_names.ts";
import { assertOptions, type OptionNames } from "../core/options.ts";
import { Random } from "../core/random.ts";
import { Arena } from "../device/arena.ts";
import type { Tensor } from "../device/device.ts";
import type { PromptFormat } from "../core/prompt_format.ts";
import type { Model } from "../models/model.ts";
import type { Adaptation } from "../nn/adaptation.ts";
import type { Place } from "../nn/place.ts";
import { type Adapter, baseNameOf, type SaveAdapterOptions, type WeightChange } from "./adapter.ts";
import { assertFree, attach, type JoinOptions } from "./attach.ts";
import { saveValues } from "./save_values.ts";

/** Where to insert bottlenecks, and how narrow they are. */
export interface BottleneckOptions extends JoinOptions {
  /** m, the width between the two projections. */
  readonly size: number;
  /** Places, each by its path or the end of it, such as `["mlp"]`. Default: after every sublayer. */
  readonly places?: readonly string[];
  /** Seed of the down projections' initial values. Default 0. */
  readonly seed?: number;
}

const optionNames: OptionNames<BottleneckOptions> = {
  size: true,
  places: true,
  seed: true,
  onTop: true,
};

/** y + gelu(y W_downᵀ + b_down) W_upᵀ + b_up (Houlsby et al. 2019, section 2.1). */
class Bottleneck implements Adaptation {
  readonly place: Place;
  readonly parameters: readonly Parameter[];

  constructor(place: Place, parameters: readonly Parameter[]) {
    this.place = place;
    this.parameters = parameters;
  }

  forward(tape: Tape, _x: Tensor, y: Tensor): Tensor {
    const [down, downBias, up, upBias] = this.parameters;
    const update = tape.pipe(
      linear(tape, y, down, downBias),
      (hidden) => gelu(tape, hidden),
      (hidden) => linear(tape, hidden, up, upBias),
    );
    const sum = add(tape, y, update);
    tape.release(update);
    return sum;
  }
}

/**
 * Freezes a model and inserts a small network after each chosen sublayer, before the sublayer's result
 * is added to the residual stream: 2 · m · d + m + d parameters each.
 *
 * The up projection starts at zero, so at first the model computes what the base model computes. A
 * bottleneck runs after its sublayer and cannot be merged: this is the latency that section 3 of the
 * LoRA paper discusses.
 *
 * @throws {TypeError} when an option does not exist.
 * @throws {RangeError} when the model has an adapter and `onTop` is not set, a place does not exist, or the
 * size is not a positive integer.
 *
 * @example
 * ```ts
 * import { injectBottleneck } from "@lowrank/core/adapt";
 * import { initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using adapter = injectBottleneck(model, { size: 2, seed: 1 });
 * console.log(adapter.parameters.length); // 2 places · 2 projections with a weight and a bias = 8
 * ```
 */
export function injectBottleneck(model: Model, options: BottleneckOptions): BottleneckAdapter {
  assertOptions("injectBottleneck", options, optionNames);
  assertFree(model, options, "injectBottleneck");
  return new BottleneckAdapter(model, options);
}

/** Bottlenecks on a model; made by {@link injectBottleneck}. */
export class BottleneckAdapter implements Adapter {
  /** The model that it was made for. */
  readonly model: Model;
  /** How the prompts of its training were written, if it was trained on any. */
  promptFormat?: PromptFormat;
  readonly #size: number;
  readonly #bottlenecks: readonly Bottleneck[];
  readonly #arena: Arena;
  readonly #detach: () => void;

  /** Allocates the tensors, freezes the model and inserts the bottlenecks. */
  constructor(model: Model, { size, places, seed = 0 }: BottleneckOptions) {
    if (!(Number.isInteger(size) && size > 0)) {
      throw new RangeError(`a bottleneck needs a size of at least 1, found ${size}`);
    }
    const random = new Random(seed), chosen = selectPlaces(model, places);
    const entries = chosen.map((place) => entriesOf(place, size));
    this.model = model;
    this.#size = size;
    this.#arena = new Arena(model.device, entries.flat(), "adapter", "bottlenecks");
    this.#bottlenecks = chosen.map((place, i) => {
      const parameters = entries[i].map(({ name }) => new Parameter(name, this.#arena.view(name)));
      return new Bottleneck(place, parameters);
    });
    this.#bottlenecks.forEach((bottleneck, i) => initDown(bottleneck, random.split(i)));
    this.#detach = attach(model, this, this.#bottlenecks.map((one) => [one.place, one]));
  }

  /** Weight and bias of the down projection, then of the up projection, place by place. */
  get parameters(): readonly Parameter[] {
    return this.#bottlenecks.flatMap(({ parameters }) => parameters);
  }

  /**
   * Saves the projections under their own names, as a whole: after a crash at any time, a reader finds
   * the old adapter, the new one, or no `adapter_config.json` and so an error.
   *
   * @throws {RangeError} when a value is not finite in the file's dtype; nothing is written.
   * @throws {Error} when a file cannot be written; the message says what a reader finds.
   */
  async save(folder: string, options: SaveAdapterOptions = {}): Promise<void> {
    const values = this.parameters.map(({ name, tensor }) => [name, tensor] as const);
    const base = { baseModelName: baseNameOf(this.model), ...options };
    await saveValues(folder, { method: "bottleneck", size: this.#size }, values, base);
  }

  /**
   * Always throws: there is no weight that a bottleneck could be added to.
   *
   * @throws {RangeError} always.
   */
  weightChanges(): readonly WeightChange[] {
    throw new RangeError(
      "merging needs an adapter that changes weights, found bottlenecks, which are computed after a layer",
    );
  }

  /** Removes the bottlenecks from the model. */
  remove(): void {
    this.#detach();
  }

  /** Removes the adapter and frees its tensors. */
  [Symbol.dispose](): void {
    this.remove();
    this.#arena[Symbol.dispose]();
  }
}

function selectPlaces(model: Model, names?: readonly string[]): Place[] {
  for (const name of names ?? []) {
    if (model.places.some((place) => isNamed(place.name, name))) continue;
    const known = listNames(model.places.map(({ name }) => name)) || "none";
    throw new RangeError(`places must be among the model's (${known}), found "${name}"`);
  }
  return model.places.filter(({ name }) => names?.some((one) => isNamed(name, one)) ?? true);
}

function entriesOf({ name, width }: Place, size: number) {
  return [
    { name: `${name}.adapter.down.weight`, shape: [size, width] },
    { name: `${name}.adapter.down.bias`, shape: [size] },
    { name: `${name}.adapter.up.weight`, shape: [width, size] },
    { name: `${name}.adapter.up.bias`, shape: [width] },
  ];
}

/** U(−1/√d, 1/√d), like LoRA's A; everything else starts at zero. */
function initDown({ parameters: [{ tensor, size }], place }: Bottleneck, random: Random): void {
  const values = random.uniformWithin(1 / Math.sqrt(place.width), size);
  tensor.device.write(tensor, values);
}
