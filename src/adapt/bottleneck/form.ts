/** Where the bottlenecks of a variant are, and what they compute. @module */

import { assertLeftOut } from "../../architectures/left_out.ts";
import type { Model } from "../../models/model.ts";
import type { Place } from "../../nn/place.ts";

/** A form of bottleneck adapters that the LoRA paper compares with (Hu et al. 2021, section 5.1). */
export type BottleneckVariant = "houlsby" | "lin" | "pfeiffer" | "drop";

/** What stands between the two projections, by the `adapters` library's name. */
export type NonLinearity = "relu" | "swish" | "gelu" | "gelu_new" | "tanh";

/** The names of the non-linearities. */
export const nonLinearities: readonly NonLinearity[] = [
  "relu",
  "swish",
  "gelu",
  "gelu_new",
  "tanh",
];

/** What distinguishes the variants. */
export interface BottleneckForm {
  /** Whether a bottleneck follows the attention too, beside the one that follows the MLP. */
  readonly followsAttention: boolean;
  /** Whether it changes the sum of the residual stream and the sublayer's output, rather than the output. */
  readonly changesSum: boolean;
  /** Whether a layer norm of its own comes before its down projection. */
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

/** The names of the variants. */
export const bottleneckVariants = Object.keys(bottleneckForms) as readonly BottleneckVariant[];

/** What is chosen of a variant. */
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
