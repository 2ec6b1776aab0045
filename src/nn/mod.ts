/**
 * Layers: operations with their parameters.
 *
 * @module
 */

export {
  type AttentionParts,
  BiasedAttention,
  type BiasedParts,
  DisentangledAttention,
  type DisentangledParts,
  fusedProjection,
  type QkvProjection,
  type RelativeContext,
  RelativePositions,
  rotaryProjectionByHead,
  rotaryProjections,
  SelfAttention,
  separateProjections,
  type SequenceContext,
  type SharedTokens,
} from "./attention.ts";
export { type Activation, activationOf, GatedMlp, Mlp } from "./mlp.ts";
export {
  type AdaptedLayer,
  type BlockShape,
  Embedding,
  type Ids,
  type PlacedTokens,
  type VirtualTokens,
} from "./embedding.ts";
export { type CacheShape, KeyValueCache } from "./key_value_cache.ts";
export { LayerNorm, RmsNorm } from "./norms.ts";
export type { FourBitForm } from "../quant/quantized_tensor.ts";
export { FourBitWeight } from "../autograd/four_bit.ts";
export { DenseWeight, HalfWeight, type LowRankTerm, type Weight } from "../autograd/weight.ts";
export { type Adaptation, Linear, type LinearParts } from "./linear.ts";
export { type Norm, Place, type Sublayer } from "./place.ts";
export { RotaryPositions } from "./rotary.ts";
