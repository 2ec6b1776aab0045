/** What every model offers to trainers, adapters and the command line. @module */

import type { Parameter } from "../autograd/parameter.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Device } from "../device/device.ts";
import type { Tensor } from "../device/tensor.ts";
import type { KeyValueCache } from "../nn/key_value_cache.ts";
import type { Linear } from "../nn/linear.ts";

/** How a forward pass runs. */
export interface ForwardOptions {
  /** Keys and values of earlier tokens; the pass adds its own. */
  readonly cache?: KeyValueCache;
  /** Rows of the batch · time tokens whose outputs are wanted. Default: all. */
  readonly rows?: readonly number[];
}

/**
 * A model on a device: its parameters and how to run them. What adapts, merges or saves a model does not
 * care what goes into it: `Inputs` matters to those who call `forward`.
 */
export interface Model<Inputs = unknown> extends Disposable {
  /** Where it lives. */
  readonly device: Device;
  /** Its own parameters by their name in a Hugging Face file, adapters not among them. */
  readonly parameters: ReadonlyMap<string, Parameter>;
  /** Its linear layers, in the order of the forward pass; adapters attach to them. */
  readonly linears: readonly Linear[];
  /** The parameters to train: base parameters that are not frozen, and adapters. */
  trainable(): Parameter[];
  /**
   * A model of the same class around other tensors, one for each of its parameters' names, without
   * adapters; disposing it disposes `weights`, which owns those that nobody else does.
   */
  withTensors(tensors: ReadonlyMap<string, Tensor>, weights: Disposable): Model;
  /** Inputs to outputs, a row for each token, sequence or example. */
  forward(tape: Tape, inputs: Inputs, options?: ForwardOptions): Tensor;
}

/** The parameters that gradients are computed for, base first, then the adapters of each layer. */
export function trainableOf(model: Pick<Model, "parameters" | "linears">): Parameter[] {
  const adapters = model.linears.flatMap(({ adapted }) => adapted.flatMap(({ A, B }) => [A, B]));
  return [...model.parameters.values(), ...adapters].filter(({ trainable }) => trainable);
}

/** Number of values that training changes. */
export function countTrainable(model: Pick<Model, "trainable">): number {
  return model.trainable().reduce((sum, { size }) => sum + size, 0);
}
