/** A perceptron of any depth: the smallest model that an adapter fits on. @module */

import type { LayerParts } from "../../architectures/mod.ts";
import { gelu } from "../../autograd/ops/activations.ts";
import type { Parameter } from "../../autograd/parameter.ts";
import type { Tape } from "../../autograd/tape.ts";
import { Random } from "../../core/random.ts";
import type { HostTensor } from "../../core/tensor.ts";
import { Arena, type ArenaEntry } from "../../device/arena.ts";
import type { Device, Tensor } from "../../device/device.ts";
import type { Linear, Place } from "../../nn/mod.ts";
import { ModelLayers, type StoredTensors } from "../layers.ts";
import { type AppliedAdapter, type Model, trainableOf } from "../model.ts";

/** The shape of a perceptron. */
export interface PerceptronShape {
  /** Widths of the input and of every layer. */
  readonly widths: readonly number[];
  /** True if layers have biases. */
  readonly biases: boolean;
}

/**
 * Linear layers with GELU between them; of two widths it is one linear layer, y = x Wᵀ + b. What goes in
 * are rows, not tokens: a model for controlled experiments, on which every adapter fits.
 *
 * @example
 * ```ts
 * import { injectLora, openDevice } from "@lowrank/core";
 * import { countTrainable, Perceptron } from "@lowrank/core/models";
 *
 * using device = await openDevice({ kind: "cpu" });
 * using model = Perceptron.init(device, { widths: [8, 16, 2], biases: true }, 1);
 * using adapter = injectLora(model, { rank: 2, targetModules: ["layers.0"], seed: 1 });
 * console.log(countTrainable(model)); // 48
 * ```
 */
export class Perceptron implements Model<HostTensor> {
  /** Device that holds its values. */
  readonly device: Device;
  /** `layers.0.weight` (out, in), where it has biases `layers.0.bias`, … */
  readonly parameters: ReadonlyMap<string, Parameter>;
  /** Its layers, `layers.0` first. */
  readonly linears: readonly Linear[];
  /** None. */
  readonly places: readonly Place[] = [];
  /** The adapters in force, in the order in which they were injected. */
  readonly adapters: Set<AppliedAdapter> = new Set();
  readonly #layers: ModelLayers;
  readonly #owner: Disposable;
  readonly #parts: LayerParts;

  /**
   * Builds the layers around tensors that `owner` owns.
   *
   * @param parts Roles of every layer's rows, for adapters that choose their sites by role. Default: none.
   */
  constructor(
    device: Device,
    tensors: StoredTensors,
    owner: Disposable,
    parts: LayerParts = {},
  ) {
    this.device = device;
    this.#owner = owner;
    this.#parts = parts;
    const weights = [...tensors.keys()].filter((name) => name.endsWith(".weight"));
    const names = weights.map((name) => name.replace(/\.weight$/, ""));
    this.#layers = new ModelLayers(tensors, names.map((name) => ({ name, parts })));
    this.parameters = this.#layers.parameters;
    this.linears = names.map((name) => this.#layers.linear(name));
  }

  /** Random weights N(0, 1/fan-in), biases zero. */
  static init(device: Device, { widths, biases }: PerceptronShape, seed: number): Perceptron {
    const random = new Random(seed);
    const entries = widths.slice(1).flatMap((width, layer): ArenaEntry[] => [
      { name: `layers.${layer}.weight`, shape: [width, widths[layer]] },
      ...(biases ? [{ name: `layers.${layer}.bias`, shape: [width] }] : []),
    ]);
    const arena = new Arena(device, entries, "weight", "perceptron");
    const tensors = new Map(entries.map(({ name }) => [name, arena.view(name)]));
    for (const tensor of tensors.values()) {
      if (tensor.shape.length === 1) continue; // a bias stays zero, as it was allocated
      const deviation = 1 / Math.sqrt(tensor.shape[1]), { size: length } = tensor;
      device.write(tensor, Float32Array.from({ length }, () => deviation * random.normal()));
    }
    return new Perceptron(device, tensors, arena);
  }

  /** The same layers with some tensors replaced, without adapters. */
  withTensors(replaced: StoredTensors, owner: Disposable): Perceptron {
    return new Perceptron(this.device, this.#layers.with(replaced), owner, this.#parts);
  }

  /** Parameters that are not frozen, and adapters. */
  trainable(): Parameter[] {
    return trainableOf(this);
  }

  /** Inputs (rows, width) to outputs (rows, width of the last layer). */
  forward(tape: Tape, inputs: HostTensor): Tensor {
    const x = tape.activation(inputs.shape, "inputs");
    this.device.write(x, inputs.data);
    const layers = this.linears.map((linear) => (x: Tensor) => linear.forward(tape, x));
    const [first, ...rest] = layers;
    return tape.pipe(x, first, ...rest.flatMap((layer) => [(y: Tensor) => gelu(tape, y), layer]));
  }

  /** Frees the weights. */
  [Symbol.dispose](): void {
    this.#owner[Symbol.dispose]();
  }
}
