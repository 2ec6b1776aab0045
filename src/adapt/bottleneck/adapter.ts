/** Bottleneck adapters: Houlsby et al. 2019, Lin et al. 2020, Pfeiffer et al. 2021, Rücklé et al. 2020. @module */

import { assertOptions } from "../../core/checks.ts";
import { AdapterFileError, quote } from "../../core/errors.ts";
import { Random } from "../../core/random.ts";
import type { HostTensor } from "../../core/tensor.ts";
import type { Tensor } from "../../device/device.ts";
import type { AdapterFolder } from "../../formats/peft/adapter_folder.ts";
import { hubWeights } from "../../formats/peft/keys.ts";
import { openSafetensorsFile } from "../../formats/safetensors/read.ts";
import { pickleConversion } from "../../formats/safetensors/shards.ts";
import {
  bottleneck,
  type BottleneckVariant,
  bottleneckVariants,
  nonLinearities,
  type NonLinearity,
} from "../../methods/bottleneck.ts";
import type { Model } from "../../models/model.ts";
import type { Place } from "../../nn/place.ts";
import { fileIn, type Folder, hasFile } from "../../storage/storage.ts";
import { assertFree, ofInjector, type WeightChange } from "../adapter.ts";
import {
  type MethodAdapterOptions,
  type MethodConfig,
  NamedAdapter,
  readFloats,
  readValues,
  savedModulesOf,
  type SavedValues,
} from "../named_adapter.ts";
import {
  bareName,
  Bottleneck,
  bottleneckEntries,
  bottleneckForms,
  type BottleneckInit,
  chosenPlaces,
  hubAdapterName,
  initBottleneck,
  normAlias,
  normName,
} from "./bottleneck.ts";
import { assertExtents, hubConfig, parseHubConfig } from "./config.ts";

/** Places and form of the bottlenecks to insert. */
export interface BottleneckOptions extends MethodAdapterOptions {
  /** m, the width between the two projections. */
  readonly size: number;
  /** Variant, which determines their places: see {@link injectBottleneck}. Default `houlsby`. */
  readonly variant?: BottleneckVariant;
  /** Layers without a bottleneck, from 0; `drop` needs the lowest ones, such as `[0, 1]`. Default: none. */
  readonly leaveOut?: readonly number[];
  /**
   * Non-linearity between the projections. Default: `swish` for `houlsby`, `relu` for the others.
   */
  readonly nonLinearity?: NonLinearity;
  /**
   * Initial values of the projections. With `zero` the up projection is zero and the down
   * projection within ±1/√d, so that the model computes exactly what the base computes; with
   * `bert`, the `adapters` library's default, both are normal with deviation 0.02, so that it
   * computes nearly that. Biases begin at zero. Default `zero`.
   */
  readonly init?: BottleneckInit;
  /** Seed of the initial values. Default 0. */
  readonly seed?: number;
}

/**
 * Freezes a model and inserts small networks f(x) = σ(x W_downᵀ + b_down) W_upᵀ + b_up into its blocks, of 2 · m
 * · d + m + d parameters each, where x is a residual stream, y a sublayer's output and s = x + y.
 *
 * | variant    | after         | what it computes                                  | parameters                   |
 * | ---------- | ------------- | ------------------------------------------------- | ---------------------------- |
 * | `houlsby`  | attention, MLP | y + f(y) instead of y                            | 2 L (2 m d + m + d)          |
 * | `pfeiffer` | MLP           | s + f(s) instead of s                             | L (2 m d + m + d)            |
 * | `lin`      | MLP           | s + f(LN(s)) instead of s, LN being its own norm  | L (2 m d + m + d) + 2 L d    |
 * | `drop`     | MLP           | as `pfeiffer`, without the lowest n layers        | (L - n) (2 m d + m + d)      |
 *
 * In a post-norm block, whose sum goes through the model's norm N, f reads N(s): N(s + f(N(s))), as in the
 * `adapters` library. Lin et al. have pre-norm blocks only; theirs follows the same rule there. AdapterDrop
 * (`drop`) leaves out layers of either form; the LoRA paper gives no settings, its counts fit one bottleneck a
 * layer, so this is Pfeiffer's, and `houlsby` with `leaveOut` is the other.
 *
 * Houlsby et al. begin near the identity, which `init: "bert"` does; by default the start is the identity. A
 * bottleneck runs after its sublayer and cannot be merged: this is the latency of which section 3 of the LoRA
 * paper speaks.
 *
 * @throws {TypeError} when an option does not exist.
 * @throws {RangeError} when the model has an adapter and `onTop` is not set, it has no blocks, or an option is not
 * one of its values.
 *
 * @example
 * ```ts
 * import { injectBottleneck } from "@lowrank/core/adapt";
 * import { initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using adapter = injectBottleneck(model, { size: 2, variant: "houlsby", seed: 1 });
 * console.log(adapter.parameters.length); // 2 places · 2 projections with a weight and a bias = 8
 * ```
 */
export function injectBottleneck(model: Model, options: BottleneckOptions): BottleneckAdapter {
  assertOptions("injectBottleneck", options, { ...bottleneck.options, ...ofInjector });
  assertFree(model, options, "injectBottleneck");
  return new BottleneckAdapter(model, options);
}

/** Bottlenecks on a model; made by {@link injectBottleneck}. */
export class BottleneckAdapter extends NamedAdapter {
  /** Variant, which determines their places. */
  readonly variant: BottleneckVariant;
  /** Width between the projections. */
  readonly size: number;
  /** The places that have one, in the order of the forward pass. */
  readonly places: readonly Place[];
  readonly #options: Checked;

  /** Allocates the tensors, freezes the model and inserts the bottlenecks. */
  constructor(model: Model, given: BottleneckOptions, saved?: SavedValues) {
    const options = checked(given), { size, variant, nonLinearity, init, modulesToSave } = options;
    const form = bottleneckForms[variant], places = chosenPlaces(model, options);
    const entries = places.map((place) => bottleneckEntries(place, size, form));
    const random = new Random(options.seed), tensorsOfEach = entries[0].length;
    super(model, {
      entries: entries.flat(),
      copied: modulesToSave,
      saved,
      build: (own) =>
        places.map((place, i) => {
          const parameters = own.slice(tensorsOfEach * i, tensorsOfEach * (i + 1));
          const bottleneck = new Bottleneck(form, parameters, nonLinearity);
          initBottleneck(bottleneck, place, init, random.split(i));
          return [form.changesSum ? place.sum : place, bottleneck];
        }),
    });
    [this.variant, this.size, this.places, this.#options] = [variant, size, places, options];
  }

  /** The library's name of the file. */
  override get weightsFile(): string {
    return hubWeights;
  }

  /** The method, its settings, and the same in the library's words. */
  protected override get config(): MethodConfig {
    const { modulesToSave, ...form } = this.#options, [{ width }] = this.places;
    const modelType = this.model.architecture?.modelType;
    const hub = hubConfig({ ...form, width, modelType });
    return { method: "bottleneck", modules_to_save: modulesToSave, ...hub };
  }

  /** The library's files have a norm under two names. */
  protected override tensors(): readonly (readonly [name: string, tensor: Tensor])[] {
    const own = super.tensors();
    if (this.variant !== "lin") return own;
    const again = own.map(([name, tensor]) => [normAlias(name), tensor] as const);
    return [...own, ...again.filter(([alias], i) => alias !== own[i][0])];
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

/** Options with their defaults. */
type Checked = Required<Omit<BottleneckOptions, "onTop">>;

function checked(options: BottleneckOptions): Checked {
  const { size, variant = "houlsby", leaveOut = [], init = "zero", seed = 0, modulesToSave = [] } =
    options;
  assertOneOf("variant", variant, bottleneckVariants);
  const { nonLinearity = bottleneckForms[variant].nonLinearity } = options;
  assertOneOf("nonLinearity", nonLinearity, nonLinearities);
  assertOneOf("init", init, ["zero", "bert"]);
  if (!(Number.isInteger(size) && size > 0)) {
    throw new RangeError(`a bottleneck needs a size of at least 1, found ${quote(size)}`);
  }
  return { size, variant, leaveOut, nonLinearity, init, seed, modulesToSave };
}

function assertOneOf(option: string, found: string, choices: readonly string[]): void {
  if (choices.includes(found)) return;
  throw new RangeError(`${option} must be one of ${choices.join(", ")}, found ${quote(found)}`);
}

/** A head that the library trained beside the adapter, which it saves in a file of its own. */
const head = { weights: "model_head.safetensors", pickle: "pytorch_model_head.bin" };

/**
 * Reads a folder of bottlenecks, with the head that the library saved in it.
 *
 * @throws {AdapterFileError} when a file is a pickle.
 * @throws {SyntaxError} when a file is broken.
 * @throws {RangeError} when a value is not finite.
 */
export async function readBottlenecks(open: AdapterFolder): Promise<SavedValues> {
  const { folder } = open;
  await assertNoPickle(folder, hubWeights, "pytorch_adapter.bin");
  const saved = await readValues(open);
  if (isOurs(saved)) return saved; // Ours has the head among the other tensors.
  await assertNoPickle(folder, head.weights, head.pickle);
  if (!await hasFile(folder, head.weights)) return saved;
  using file = await openSafetensorsFile(fileIn(folder, head.weights));
  return { ...saved, tensors: new Map([...saved.tensors, ...await readFloats(file)]) };
}

async function assertNoPickle(folder: Folder, name: string, pickle: string): Promise<void> {
  if (await hasFile(folder, name) || !await hasFile(folder, pickle)) return;
  throw new AdapterFileError(
    `weights must be in ${name}, found ${pickle} (a pickle can run code): save it with ` +
      `use_safetensors=True, or convert it in its folder by ${pickleConversion(pickle, name)}`,
  );
}

/**
 * Puts bottlenecks on a model that have what was read. A head of the library's file is trained beside them, as
 * far as the model has its tensors itself: a head that shares an embedding is the base's.
 *
 * @throws {RangeError} when the file computes something that we do not, or does not fit the model.
 */
export function loadBottleneck(model: Model, saved: SavedValues): BottleneckAdapter {
  const { name, ...form } = parseHubConfig(saved.config), own = new Map<string, HostTensor>();
  const isOwn = (key: string) => key.includes(`.adapters.${name}.`), others: string[] = [];
  for (const [key, value] of saved.tensors) {
    if (!isOwn(key)) others.push(key);
    else if (!key.includes(normName)) own.set(ourName(model, key, name), value);
  }
  const heads = isOurs(saved) ? others : others.filter((key) => model.parameters.has(key));
  for (const key of heads) own.set(key, saved.tensors.get(key)!);
  const modulesToSave = isOurs(saved) ? savedModulesOf(saved.config) : heads;
  const extents = extentsIn(own), { size } = extents;
  assertExtents(saved.config, extents);
  const options = { ...form, modulesToSave, size };
  return new BottleneckAdapter(model, options, { ...saved, tensors: own });
}

const isOurs = ({ config }: SavedValues): boolean => config.method !== undefined;

/** The name that a tensor has on this model, which may be with or without a head. */
function ourName({ places }: Model, key: string, adapter: string): string {
  const [{ name } = { name: "" }] = places, trunk = name.slice(0, -bareName(name).length);
  return trunk + bareName(key).replace(`.adapters.${adapter}.`, `.adapters.${hubAdapterName}.`);
}

/** The widths around and between the projections, those of the first bottleneck; the others must have the same. */
function extentsIn(tensors: ReadonlyMap<string, HostTensor>) {
  const up = [...tensors].find(([name]) => name.endsWith(".adapter_up.weight"))?.[1];
  if (up?.shape.length === 2) return { width: up.shape[0], size: up.shape[1] };
  throw new RangeError(
    `the file must have an adapter_up.weight of two axes, found ${quote(up?.shape)}`,
  );
}
