/** One bottleneck: its extents, initial values and forward pass. @module */

import { assertLeftOut } from "../../architectures/architecture.ts";
import { add } from "../../autograd/ops/add.ts";
import { linear } from "../../autograd/ops/linear.ts";
import type { Parameter } from "../../autograd/parameter.ts";
import type { Tape } from "../../autograd/tape.ts";
import { moduleOf } from "../../core/module_names.ts";
import type { Random } from "../../core/random.ts";
import type { ArenaEntry } from "../../device/arena.ts";
import type { Tensor } from "../../device/device.ts";
import type { BottleneckVariant, NonLinearity } from "../../methods/bottleneck.ts";
import type { Model } from "../../models/model.ts";
import type { Adaptation } from "../../nn/linear.ts";
import { type Activation, activationOf } from "../../nn/mlp.ts";
import { LayerNorm } from "../../nn/norms.ts";
import type { Place } from "../../nn/place.ts";

/** Under which name our adapters are in its models. */
export const hubAdapterName = "lowrank";

/**
 * Before the name of each tensor of a place's bottleneck: in encoders the library holds it inside of the module
 * whose output it changes, `bert.encoder.layer.0.output`, in decoders beside it, `transformer.h.0.output_adapters`.
 */
function hubPrefix({ name, sublayer }: Place): string {
  const beside = `${moduleOf(name)}.${sublayer === "attention" ? "attention" : "output"}_adapters`;
  const holder = name.endsWith(".output") ? name : beside;
  return `${holder}.adapters.${hubAdapterName}`;
}

/** The second name of a norm before the down projection, which the library's files have twice. */
export const normAlias = (key: string): string => key.replace(/adapter_down\.0\./, normName);

/** Part of the second name that no other name has. */
export const normName = "adapter_norm_before.";

/** A name without the path of the base model in it, which files of models without a head do not have. */
export const bareName = (name: string): string =>
  name.replace(/^(bert|roberta|deberta|gpt_neox|transformer|model)\./, "");

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

/** Initial values of the projections: see `BottleneckOptions.init`. */
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

/** Properties in which the variants differ. */
export interface BottleneckForm {
  /** True if a bottleneck follows the attention too, beside the one that follows the MLP. */
  readonly followsAttention: boolean;
  /**
   * True if it changes the sum of the residual stream and the sublayer's output, rather than the
   * output.
   */
  readonly changesSum: boolean;
  /** True if a layer norm of its own precedes its down projection. */
  readonly hasNorm: boolean;
  /** The non-linearity where none is given. */
  readonly nonLinearity: NonLinearity;
}

const pfeiffer: BottleneckForm = {
  followsAttention: false,
  changesSum: true,
  hasNorm: false,
  nonLinearity: "relu",
};

/** The forms, by the variants' names. */
export const bottleneckForms: Readonly<Record<BottleneckVariant, BottleneckForm>> = {
  houlsby: {
    followsAttention: true,
    changesSum: false,
    hasNorm: false,
    nonLinearity: "swish",
  },
  lin: { ...pfeiffer, hasNorm: true },
  pfeiffer,
  drop: pfeiffer,
};

/** A variant and the layers that it leaves out. */
interface Chosen {
  readonly variant: BottleneckVariant;
  readonly leaveOut: readonly number[];
}

/**
 * The places that get a bottleneck, in the order of the forward pass.
 *
 * @throws {RangeError} when the model has none, a layer that is left out does not exist, none is left, or
 * `drop` leaves out other layers than the lowest.
 */
export function chosenPlaces({ places }: Model, { variant, leaveOut }: Chosen): Place[] {
  const { followsAttention } = bottleneckForms[variant];
  const layerOf = ({ sublayer }: Place) => places.filter((one) => one.sublayer === sublayer);
  const layers = places.filter(({ sublayer }) => sublayer === "mlp").length;
  if (layers === 0) throw new RangeError("bottlenecks need a model with blocks, found none");
  assertLeftOut(leaveOut, layers, variant);
  return places.filter((place) =>
    (followsAttention || place.sublayer === "mlp") &&
    !leaveOut.includes(layerOf(place).indexOf(place))
  );
}
