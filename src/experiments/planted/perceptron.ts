/** A perceptron of any depth: the smallest model that an adapter fits on. @module */

import { gelu } from "../../autograd/mod.ts";
import { Parameter } from "../../autograd/parameter.ts";
import type { Tape } from "../../autograd/tape.ts";
import type { HostTensor } from "../../core/host_tensor.ts";
import { Random } from "../../core/random.ts";
import { Arena, type ArenaEntry } from "../../device/arena.ts";
import type { Device } from "../../device/device.ts";
import type { Tensor } from "../../device/tensor.ts";
import { type Model, trainableOf } from "../../models/mod.ts";
import { Linear } from "../../nn/linear.ts";

/** Linear layers with GELU between them; of two widths it is one linear layer. */
export class Perceptron implements Model {
  /** Where it lives. */
  readonly device: Device;
  /** `layers.0.weight` (out, in), `layers.0.bias`, … */
  readonly parameters: ReadonlyMap<string, Parameter>;
  /** Its layers, `layers.0` first. */
  readonly linears: readonly Linear[];
  readonly #weights: Disposable;

  /** Builds the layers around tensors that `weights` owns. */
  constructor(device: Device, tensors: ReadonlyMap<string, Tensor>, weights: Disposable) {
    this.device = device;
    this.#weights = weights;
    this.parameters = new Map(
      [...tensors].map(([name, tensor]) => [name, new Parameter(name, tensor)]),
    );
    this.linears = Array.from({ length: tensors.size / 2 }, (_, layer) => {
      const parameter = (kind: string) => this.parameters.get(`layers.${layer}.${kind}`)!;
      return new Linear(`layers.${layer}`, parameter("weight"), parameter("bias"), {});
    });
  }

  /** Random weights N(0, 1/fan-in), biases zero. `widths` are those of the input and of every layer. */
  static init(device: Device, widths: readonly number[], seed: number): Perceptron {
    const entries = widths.slice(1).flatMap((width, layer): ArenaEntry[] => [
      { name: `layers.${layer}.weight`, shape: [width, widths[layer]] },
      { name: `layers.${layer}.bias`, shape: [width] },
    ]);
    const arena = new Arena(device, entries, "weight", "perceptron");
    const tensors = new Map(entries.map(({ name }) => [name, arena.view(name)]));
    const random = new Random(seed);
    for (const tensor of tensors.values()) {
      if (tensor.shape.length === 1) continue; // biases are zero at birth
      const deviation = 1 / Math.sqrt(tensor.shape[1]);
      device.write(
        tensor,
        Float32Array.from({ length: tensor.size }, () => deviation * random.normal()),
      );
    }
    return new Perceptron(device, tensors, arena);
  }

  /** The same layers around other tensors, without adapters. */
  withTensors(tensors: ReadonlyMap<string, Tensor>, weights: Disposable): Perceptron {
    return new Perceptron(this.device, tensors, weights);
  }

  /** Parameters that are not frozen, and adapters. */
  trainable(): Parameter[] {
    return trainableOf(this);
  }

  /** Inputs (rows, width) to outputs (rows, width of the last layer). */
  forward(tape: Tape, inputs: HostTensor): Tensor {
    const x = tape.activation(inputs.shape, "inputs");
    this.device.write(x, inputs.data);
    return this.linears.reduce(
      (x, linear, layer) => linear.forward(tape, layer === 0 ? x : gelu(tape, x)),
      x,
    );
  }

  /** Frees the weights. */
  [Symbol.dispose](): void {
    this.#weights[Symbol.dispose]();
  }
}
