/** What every model offers to trainers, adapters and the command line. @module */

import type { Parameter } from "../autograd/parameter.ts";
import type { Tape } from "../autograd/tape.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import type { Device } from "../device/device.ts";
import type { Tensor } from "../device/tensor.ts";
import type { KeyValueCache } from "../nn/key_value_cache.ts";
import type { Linear } from "../nn/linear.ts";
import type { Place } from "../nn/place.ts";
import type { StoredTensors } from "./model_tensors.ts";

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
  /** Its own parameters by their name in a Hugging Face file, adapters not among them. */
  readonly parameters: ReadonlyMap<string, Parameter>;
  /** Its linear layers, in the order of the forward pass; adapters attach to them. */
  readonly linears: readonly Linear[];
  /** Where adapters may change what a sublayer gives, in the order of the forward pass. */
  readonly places: readonly Place[];
  /** Whatever is to be trained: base parameters that are not frozen, and adapters. */
  trainable(): Parameter[];
  /**
   * The same model with the named tensors replaced and all others shared, without adapters; disposing it
   * disposes `owner`, which owns the new ones.
   */
  withTensors(replaced: StoredTensors, owner: Disposable): Model;
  /** Tokens (batch, time) to logits (batch · time, vocabulary). */
  forward(tape: Tape, tokens: HostTensor, options?: ForwardOptions): Tensor;
}

/** The parameters that gradients are computed for: the base's, then those of adapters, layer by layer. */
export function trainableOf(
  { parameters, linears, places }: Pick<Model, "parameters" | "linears" | "places">,
): Parameter[] {
  const adapted = [...linears, ...places].flatMap(({ adaptations }) =>
    adaptations.flatMap(({ parameters }) => parameters)
  );
  return [...parameters.values(), ...adapted].filter(({ trainable }) => trainable);
}

/** Number of values that training changes. */
export function countTrainable(model: Pick<Model, "trainable">): number {
  return model.trainable().reduce((sum, { size }) => sum + size, 0);
}
