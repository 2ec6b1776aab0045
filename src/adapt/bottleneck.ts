/** Bottleneck adapters after sublayers (Houlsby et al. 2019). @module */

import { add } from "../autograd/ops/add.ts";
import { gelu } from "../autograd/ops/gelu.ts";
import { linear } from "../autograd/ops/linear.ts";
import type { Parameter } from "../autograd/parameter.ts";
import type { Tape } from "../autograd/tape.ts";
import { isText } from "../core/json.ts";
import { isNamed, listNames } from "../core/module_names.ts";
import { assertOptions, type OptionNames } from "../core/options.ts";
import { quote } from "../core/quote.ts";
import { Random } from "../core/random.ts";
import type { Tensor } from "../device/device.ts";
import type { Model } from "../models/model.ts";
import type { Adaptation } from "../nn/adaptation.ts";
import type { Place } from "../nn/place.ts";
import type { WeightChange } from "./adapter.ts";
import { assertFree } from "./attach.ts";
import { MethodAdapter, type MethodAdapterOptions } from "./method_adapter.ts";
import { type MethodConfig, savedModulesOf, type SavedValues } from "./saved_values.ts";

/** Where to insert bottlenecks, and how narrow they are. */
export interface BottleneckOptions extends MethodAdapterOptions {
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
  modulesToSave: true,
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

/** Bottlenecks from a file that was read. */
export function loadBottleneck(model: Model, saved: SavedValues): BottleneckAdapter {
  const { size, places } = saved.config, modulesToSave = savedModulesOf(saved.config);
  const options = { size, places, modulesToSave } as BottleneckOptions;
  return new BottleneckAdapter(model, options, saved);
}

/** Bottlenecks on a model; made by {@link injectBottleneck}. */
export class BottleneckAdapter extends MethodAdapter {
  readonly #options: BottleneckOptions;

  /** Allocates the tensors, freezes the model and inserts the bottlenecks. */
  constructor(model: Model, options: BottleneckOptions, saved?: SavedValues) {
    const { size, places, seed = 0, modulesToSave } = options;
    if (!(Number.isInteger(size) && size > 0)) {
      throw new RangeError(`a bottleneck needs a size of at least 1, found ${quote(size)}`);
    }
    const random = new Random(seed), chosen = selectPlaces(model, places);
    const entries = chosen.flatMap((place) => entriesOf(place, size));
    super(model, {
      entries,
      copied: modulesToSave,
      saved,
      build: (own) =>
        chosen.map((place, i) => {
          const bottleneck = new Bottleneck(place, own.slice(4 * i, 4 * i + 4));
          initDown(bottleneck, random.split(i));
          return [place, bottleneck];
        }),
    });
    this.#options = options;
  }

  /** The method and its settings. */
  protected override get config(): MethodConfig {
    const { size, places, modulesToSave = [] } = this.#options;
    return { method: "bottleneck", size, places, modules_to_save: modulesToSave };
  }

  /**
   * Always throws: there is no weight that a bottleneck could be added to.
   *
   * @throws {RangeError} always.
   */
  override weightChanges(): readonly WeightChange[] {
    throw new RangeError(
      "merging needs an adapter that changes weights, found bottlenecks, which are computed after a layer",
    );
  }
}

function selectPlaces(model: Model, names?: readonly string[]): Place[] {
  if (names !== undefined && !(Array.isArray(names) && names.every(isText))) {
    throw new RangeError(`places must be a list of names, found ${quote(names)}`);
  }
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
