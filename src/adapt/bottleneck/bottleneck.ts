/** What one bottleneck computes. @module */

import { add } from "../../autograd/ops/add.ts";
import { linear } from "../../autograd/ops/linear.ts";
import type { Parameter } from "../../autograd/parameter.ts";
import type { Tape } from "../../autograd/tape.ts";
import type { Random } from "../../core/random.ts";
import type { ArenaEntry } from "../../device/arena.ts";
import type { Tensor } from "../../device/device.ts";
import { activationOf } from "../../nn/activations.ts";
import type { Adaptation } from "../../nn/adaptation.ts";
import { LayerNorm } from "../../nn/layer_norm.ts";
import type { Activation } from "../../nn/mlp.ts";
import type { Place } from "../../nn/place.ts";
import type { BottleneckForm, NonLinearity } from "./form.ts";
import { hubPrefix } from "./hub_names.ts";

/** ε of the norm that `lin` has: PyTorch's default, and GPT-2's. */
const epsilon = 1e-5;

/** y + σ(x W_downᵀ + b_down) W_upᵀ + b_up, with or without a norm of x first. */
export class Bottleneck implements Adaptation {
  /** Weight and bias of the norm, if there is one, of the down projection and of the up projection. */
  readonly parameters: readonly Parameter[];
  readonly #norm: LayerNorm | undefined;
  readonly #activation: Activation;
  readonly #readsInput: boolean;

  /** Takes the tensors of {@link bottleneckEntries}. */
  constructor(form: BottleneckForm, parameters: readonly Parameter[], nonLinearity: NonLinearity) {
    const [weight, bias] = parameters;
    this.parameters = parameters;
    this.#norm = form.hasNorm ? new LayerNorm(weight, bias, epsilon) : undefined;
    this.#activation = activationOf(nonLinearity);
    this.#readsInput = form.changesSum;
  }

  /** After a sublayer it reads the output y itself; after the sum what the place gives as x. */
  forward(tape: Tape, x: Tensor, y: Tensor): Tensor {
    const [up, upBias] = this.parameters.slice(-2);
    const update = tape.pipe(
      this.#project(tape, this.#readsInput ? x : y),
      (hidden) => this.#activation(tape, hidden),
      (hidden) => linear(tape, hidden, up, upBias),
    );
    const sum = add(tape, y, update);
    tape.release(update);
    return sum;
  }

  #project(tape: Tape, x: Tensor): Tensor {
    const [down, downBias] = this.parameters.slice(-4);
    if (!this.#norm) return linear(tape, x, down, downBias);
    return tape.pipe(this.#norm.forward(tape, x), (n) => linear(tape, n, down, downBias));
  }
}

/** The tensors of a bottleneck, under the `adapters` library's names. */
export function bottleneckEntries(
  place: Place,
  size: number,
  { hasNorm }: BottleneckForm,
): ArenaEntry[] {
  const { width } = place, prefix = hubPrefix(place);
  const module = (name: string, shape: readonly number[]): ArenaEntry[] => [
    { name: `${prefix}.${name}.weight`, shape },
    { name: `${prefix}.${name}.bias`, shape: shape.slice(0, 1) },
  ];
  // The library's down projection is a sequence, in which the norm comes first.
  return [
    ...(hasNorm ? module("adapter_down.0", [width]) : []),
    ...module(hasNorm ? "adapter_down.1" : "adapter_down.0", [size, width]),
    ...module("adapter_up", [width, size]),
  ];
}

/** How the projections begin: see `BottleneckOptions.init`. */
export type BottleneckInit = "zero" | "bert";

/** Writes the initial values into tensors that are zero. */
export function initBottleneck(
  { parameters }: Bottleneck,
  { width }: Place,
  init: BottleneckInit,
  random: Random,
): void {
  const [down, , up] = parameters.slice(-4),
    normals = ({ size }: Parameter) =>
      Float32Array.from({ length: size }, () => 0.02 * random.normal());
  const write = ({ tensor }: Parameter, values: Float32Array<ArrayBuffer>) =>
    tensor.device.write(tensor, values);
  if (parameters.length > 4) write(parameters[0], new Float32Array(width).fill(1));
  write(
    down,
    init === "bert" ? normals(down) : random.uniformWithin(1 / Math.sqrt(width), down.size),
  );
  if (init === "bert") write(up, normals(up));
}
