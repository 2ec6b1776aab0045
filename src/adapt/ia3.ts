/** (IA)³ adapters: trained vectors that scale the outputs or the inputs of layers. @module */

import { dotColumns, scaleColumns, scaleRows } from "../../kernels/column_scaling/kernel.ts";
import { fill, scaleAdd } from "../../kernels/elementwise/kernel.ts";
import { add } from "../autograd/ops/add.ts";
import { linear } from "../autograd/ops/linear.ts";
import type { Parameter } from "../autograd/parameter.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Weight } from "../autograd/weight.ts";
import { assertOptions } from "../core/checks.ts";
import { oneLine } from "../core/errors.ts";
import { moduleOf } from "../core/module_names.ts";
import { assertShape, type HostTensor } from "../core/tensor.ts";
import type { Device, Tensor } from "../device/device.ts";
import {
  field,
  isNames,
  list,
  ofEveryMethod,
  refuseUnknown,
  selectionOf,
} from "../formats/peft/config.ts";
import { tensorPrefix } from "../formats/peft/keys.ts";
import { ia3, scaledLayers } from "../methods/ia3.ts";
import type { BaseFile } from "../models/base_file.ts";
import type { Model } from "../models/model.ts";
import type { Adaptation, Linear } from "../nn/linear.ts";
import { assertFree, type WeightChange } from "./adapter.ts";
import type { AddChange, BaseChanges } from "./merge/change.ts";
import type { MethodAdapterOptions, MethodConfig, SavedValues } from "./named_adapter.ts";
import { PeftVectorAdapter, placeVectors, vectorsIn } from "./peft_vectors.ts";
import { selectLinears } from "./sites.ts";
import { isStoredTurned } from "./save.ts";

/** Divisors of kernels that scale by quotients: ones, of which each layer uses the first. */
type Ones = (count: number) => Tensor;

/** x and y with the factors and divisors of their columns or rows. */
type Scaling = Readonly<Record<"x" | "factors" | "divisors" | "y", Tensor>>;

/** y += l ⊙ x − less · x, or y = where it does not accumulate, by columns or by rows. */
function scale(
  kernel: typeof scaleColumns,
  operands: Scaling,
  accumulate: 0 | 1,
  less: 0 | 1,
): void {
  const { x, y } = operands, { device, shape: [rows, width = 1], size } = x;
  device.launch(kernel, operands, { rows, width, accumulate });
  const added = { size, xOffset: 0, yOffset: 0, alpha: -1, accumulate: 1 };
  if (less) device.launch(scaleAdd, { x, y }, added);
}

/** x ⊙ l − less · x, column by column. */
function scaled(tape: Tape, x: Tensor, l: Parameter, ones: Ones, less: 0 | 1 = 0): Tensor {
  const [rows, width] = x.shape, divisors = ones(width), { device } = tape;
  const into = (x: Tensor, y: Tensor, accumulate: 0 | 1) =>
    scale(scaleColumns, { x, factors: l.tensor, divisors, y }, accumulate, less);
  const y = tape.activation(x.shape, "(IA)³");
  into(x, y, 0);
  return tape.record(y, [x, l], (dy) => {
    const dl = tape.contribute(l), dx = tape.contribute(x);
    if (dl) {
      const { tensor, accumulate } = dl, factors = { a: dy, b: x, divisors };
      device.launch(dotColumns, { ...factors, y: tensor }, { rows, width, accumulate });
    }
    if (dx) into(dy, dx.tensor, dx.accumulate);
  }, [x]);
}

/** A layer whose outputs, or inputs, are multiplied by a vector: l ⊙ (W x + b), or W (l ⊙ x) + b. */
export class Ia3Site implements Adaptation {
  /** The layer. */
  readonly linear: Linear;
  /** True if the inputs are scaled. */
  readonly ofInputs: boolean;
  /** l, (out, 1) or (1, in) as PEFT has them. */
  readonly l: Parameter;
  readonly #ones: Ones;

  /** Joins a vector to a layer. */
  constructor([linear, ofInputs]: Scaled, l: Parameter, ones: Ones) {
    this.linear = linear;
    this.ofInputs = ofInputs;
    this.l = l;
    this.#ones = ones;
  }

  /** l. */
  get parameters(): readonly Parameter[] {
    return [this.l];
  }

  /** y + (l − 1) ⊙ (W x + b), or y + W ((l − 1) ⊙ x): beside others, changes add up. */
  forward(tape: Tape, x: Tensor, y: Tensor): Tensor {
    const { weight, bias } = this.linear, change = this.#layer(tape, x, weight, bias, 1);
    const sum = add(tape, y, change);
    tape.release(change);
    return sum;
  }

  /** l ⊙ (W x + b), or W (l ⊙ x) + b. */
  wholeLayer(tape: Tape, x: Tensor, weight: Weight, bias: Parameter | undefined): Tensor {
    return this.#layer(tape, x, weight, bias, 0);
  }

  /** The scaled layer, less the layer itself or not. */
  #layer(tape: Tape, x: Tensor, weight: Weight, bias: Parameter | undefined, less: 0 | 1): Tensor {
    const { l, ofInputs } = this, scale = (x: Tensor) => scaled(tape, x, l, this.#ones, less);
    const first = ofInputs ? scale(x) : linear(tape, x, weight, bias);
    const out = ofInputs ? linear(tape, first, weight, less ? undefined : bias) : scale(first);
    tape.release(first);
    return out;
  }

  /** Changes that merging makes to the weight and, if outputs are scaled, to the bias. */
  weightChanges(): WeightChange[] {
    const { weight: { name, shape }, bias } = this.linear;
    const ofWeight = { name, shape, mergeInto: (copy: Tensor) => this.#mergeWeight(copy) };
    if (this.ofInputs || !bias) return [ofWeight];
    const { name: ofBias, shape: [...values] } = bias;
    const scale = (copy: Tensor) => this.#scale(bias.tensor, copy);
    return [ofWeight, { name: ofBias, shape: values, mergeInto: scale }];
  }

  /** W += l ⊙ W − W by rows or columns, with the layer's own W on the right. */
  #mergeWeight(copy: Tensor): void {
    using own = this.linear.weight.dense();
    this.#scale(own, copy);
  }

  /** y += (l − 1) ⊙ x; of a bias each value is a row. */
  #scale(x: Tensor, y: Tensor): void {
    const factors = this.l.tensor, divisors = this.#ones(factors.size);
    scale(this.ofInputs ? scaleColumns : scaleRows, { x, factors, divisors, y }, 1, 1);
  }
}

/** Layers to scale; PEFT's default modules if none are selected. */
export interface Ia3Options extends MethodAdapterOptions {
  /** PEFT's `target_modules`: all layers that are scaled. */
  readonly targetModules?: string | readonly string[];
  /** PEFT's `feedforward_modules`: what the names of those end with whose inputs are scaled. */
  readonly feedforwardModules?: readonly string[];
}

/** A layer, and whether its inputs are scaled. */
type Scaled = readonly [layer: Linear, ofInputs: boolean];

/**
 * Freezes a model and gives each selected linear layer a trained vector, by which its outputs are multiplied or, of
 * the feed-forward layers, its inputs: (IA)³ (Liu et al. 2022, section 3.3). Vectors begin as ones: at step 0 the
 * model computes what the base model computes, bit for bit.
 *
 * Cost: out trained values for each layer, or in, and 4 bytes of ones for the widest.
 *
 * @throws {TypeError} when an option does not exist.
 * @throws {RangeError} when the model has an adapter and `onTop` is not set, a layer does not exist or is an
 * embedding, or PEFT has no modules for the model and none are named.
 *
 * @example
 * ```ts
 * import { injectIa3 } from "@lowrank/core/adapt";
 * import { initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using adapter = injectIa3(model);
 * console.log(adapter.parameters.map(({ shape }) => shape)); // [ [ 24, 1 ], [ 1, 32 ] ]
 * ```
 */
export function injectIa3(model: Model, options: Ia3Options = {}): Ia3Adapter {
  assertOptions("injectIa3", options, { ...ia3.options, onTop: true });
  assertFree(model, options, "injectIa3");
  const { selection, ofInputs } = scaledLayers(model.architecture, options);
  const layers = selectLinears(model, selection, "(IA)³")
    .map((layer): Scaled => [layer, ofInputs(layer.name)]);
  return new Ia3Adapter(model, layers, options.modulesToSave);
}

/** Trained vectors on layers of a model; made by {@link injectIa3}. */
export class Ia3Adapter extends PeftVectorAdapter<Ia3Site> {
  /** The scaled layers, in the order of the forward pass. */
  readonly sites: readonly Ia3Site[];
  readonly #ones: Tensor;

  /** Allocates the vectors, freezes the model and attaches them to its layers. */
  constructor(
    model: Model,
    layers: readonly Scaled[],
    modulesToSave: readonly string[] = [],
    saved?: SavedValues,
  ) {
    using unfinished = new DisposableStack();
    const extents = layers.map(([{ extents: [outputs, inputs] }]) => Math.max(outputs, inputs));
    const all = unfinished.use(onesOn(model.device, Math.max(...extents)));
    const sites: Ia3Site[] = [];
    super(model, {
      entries: layers.map(([{ name, extents: [outputs, inputs] }, ofInputs]) => ({
        name: keyOf(name),
        shape: ofInputs ? [1, inputs] : [outputs, 1],
      })),
      copied: modulesToSave,
      saved,
      build: (own) => {
        own.forEach((l, i) => {
          model.device.launch(fill, { y: l.tensor }, { size: l.size, value: 1 });
          sites.push(new Ia3Site(layers[i], l, (count) => all.view([count])));
        });
        return sites.map((site) => [site.linear, site]);
      },
    });
    this.sites = sites;
    this.#ones = all;
    unfinished.move();
  }

  /** Its settings in PEFT's `adapter_config.json`. */
  protected override get fields(): MethodConfig {
    const { model, sites } = this, ofInputs = sites.filter(({ ofInputs }) => ofInputs);
    return {
      fan_in_fan_out: isStoredTurned(model, sites.map(({ linear }) => linear)),
      feedforward_modules: ofInputs.map(({ linear }) => linear.name).sort(),
      init_ia3_weights: true,
      peft_type: "IA3",
    };
  }

  /** Removes the adapter and frees its tensors. */
  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    this.#ones[Symbol.dispose]();
  }
}

function onesOn(device: Device, size: number): Tensor {
  const ones = device.allocate([size], "f32", "weight", "(IA)³ ones");
  device.launch(fill, { y: ones }, { size, value: 1 });
  return ones;
}

// Its files.

/** PEFT's key of a layer's vector. */
const keyOf = (layer: string): string => `${tensorPrefix}${layer}.ia3_l`;

/** Fields that are read, or do not matter once the vectors exist. */
const known = new Set([
  ...ofEveryMethod,
  ...["target_modules", "exclude_modules", "feedforward_modules", "modules_to_save"],
  ...["fan_in_fan_out", "init_ia3_weights"],
]);

/**
 * A file of PEFT's (IA)³, of whichever base.
 *
 * @throws {AdapterFileError} when a field of the configuration is not understood.
 * @throws {RangeError} when a tensor is none of (IA)³'s, or there are no vectors.
 */
function parseIa3({ config, tensors }: SavedValues) {
  refuseUnknown(config, known);
  const savedModules = list(field(config, "modules_to_save", "be names", isNames)) ?? [];
  const file = vectorsIn(tensors, "(IA)³", (ending) => ending === "ia3_l");
  return { file, config: { ...selectionOf(config), savedModules } };
}

/** True for a vector (1, in); that of outputs is (out, 1). */
const isOfInputs = ({ shape }: HostTensor): boolean => shape[1] !== 1;

/**
 * (IA)³ from a file of PEFT's that was read.
 *
 * @throws {AdapterFileError} when a field of the configuration is not understood.
 * @throws {RangeError} when the tensors are not those of (IA)³ on this model.
 */
export function loadIa3(model: Model, given: SavedValues): Ia3Adapter {
  const { file, config } = parseIa3(given);
  const { layers, saved, modulesToSave } = placeVectors(model, given, file, config, "(IA)³");
  const vectorOf = ({ name }: Linear) => saved.tensors.get(keyOf(name))!;
  const scaled = layers.map((layer): Scaled => [layer, isOfInputs(vectorOf(layer))]);
  return new Ia3Adapter(model, scaled, modulesToSave, saved);
}

/**
 * Changes of a base's files: rows of a weight and its bias, or columns of a weight.
 *
 * @throws {RangeError} when the base has no weight that fits, or its architecture is unknown.
 */
export async function ia3Changes(base: BaseFile, saved: SavedValues): Promise<BaseChanges> {
  const { file: { vectors, others }, config: { savedModules } } = parseIa3(saved);
  const biases = new Map<string, HostTensor>();
  const changes = Array.from(vectors, ([name, l]) => changeOf(base, moduleOf(name), l));
  for (const [name, l] of vectors) {
    const [key] = isOfInputs(l) ? [] : base.find(`${moduleOf(name)}.bias`);
    if (key === undefined) continue;
    const { shape, data } = await base.file.read(key);
    biases.set(key, { shape, data: Float32Array.from(data, (value, i) => value * l.data[i]) });
  }
  const { promptFormat } = saved;
  return { updates: [], changes, biases, saved: others, savedModules, promptFormat };
}

/** (l − 1) ⊙ W by rows or columns. */
function changeOf(base: BaseFile, module: string, l: HostTensor) {
  const name = `${module}.weight`, { shape, storedTransposed } = base.describe(name);
  const ofInputs = isOfInputs(l), [outputs, inputs] = shape;
  assertShape(`the vector of ${oneLine(module)}`, l.shape, ofInputs ? [1, inputs] : [outputs, 1]);
  base.assertUntied(module);
  const change = (isTransposed: boolean): AddChange => (delta, { values, top, width }) => {
    for (let i = 0; i < delta.length; i++) {
      const factor = l.data[ofInputs === isTransposed ? top + Math.floor(i / width) : i % width];
      delta[i] += (factor - 1) * values[i];
    }
  };
  return { key: base.find(name)[0], module, isTransposed: Boolean(storedTransposed), change };
}
