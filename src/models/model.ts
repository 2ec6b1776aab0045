/** What every model offers to trainers, adapters and the command line. @module */

import type { Architecture } from "../architectures/architecture.ts";
import type { Parameter } from "../autograd/parameter.ts";
import type { Tape } from "../autograd/tape.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import type { Device } from "../device/device.ts";
import type { Tensor } from "../device/tensor.ts";
import type { KeyValueCache } from "../nn/key_value_cache.ts";
import type { Linear } from "../nn/linear.ts";

/** What goes into a forward pass beside the tokens. */
export interface ForwardOptions {
  /** (batch, keys): 0 hides a key from every query. Default: all are seen. */
  readonly attentionMask?: HostTensor;
  /** (batch, time). Default: 0, 1, 2, … after what the cache holds. */
  readonly positionIds?: HostTensor;
  /** Keys and values of earlier tokens; the pass adds its own. */
  readonly cache?: KeyValueCache;
  /** Rows of the batch · time tokens whose logits are wanted. Default: all. Not differentiable. */
  readonly rows?: readonly number[];
}

/** A model on a device: its parameters and how to run them. */
export interface Model extends Disposable {
  /** Where it lives. */
  readonly device: Device;
  /** What Hugging Face's files hold of it; absent where it is of no family that is known. */
  readonly architecture?: Architecture;
  /** Its own parameters by their name in a Hugging Face file, adapters not among them. */
  readonly parameters: ReadonlyMap<string, Parameter>;
  /** Its linear layers, in the order of the forward pass; adapters attach to them. */
  readonly linears: readonly Linear[];
  /** Whatever is to be trained: base parameters that are not frozen, and adapters. */
  trainable(): Parameter[];
  /**
   * A model of the same class around other tensors, one for each of its parameters' names, without
   * adapters; disposing it disposes `weights`, which owns those that nobody else does.
   */
  withTensors(tensors: ReadonlyMap<string, Tensor>, weights: Disposable): Model;
  /** Tokens (batch, time) to logits (batch · time, vocabulary). */
  forward(tape: Tape, tokens: HostTensor, options?: ForwardOptions): Tensor;
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
