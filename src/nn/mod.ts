/** Layers: operations with their parameters. @module */

export {
  type AttentionParts,
  fusedProjection,
  type QkvProjection,
  rotaryProjections,
  SelfAttention,
  separateProjections,
  type SequenceContext,
  type SharedTokens,
} from "./attention.ts";
export { activationOf } from "./mlp.ts";
export {
  DisentangledAttention,
  type DisentangledParts,
  type RelativeContext,
} from "./attention.ts";
export { type AdaptedLayer, Embedding, type Ids } from "./embedding.ts";
export { type CacheShape, KeyValueCache } from "./key_value_cache.ts";
export { LayerNorm } from "./norms.ts";
export type { FourBitForm } from "../quant/quantized_tensor.ts";
export { FourBitWeight } from "../autograd/four_bit.ts";
export { DenseWeight, HalfWeight, type LowRankTerm, type Weight } from "../autograd/weight.ts";
export type { Adaptation } from "./linear.ts";
export { Linear, type LinearParts } from "./linear.ts";
export { type Activation, GatedMlp, Mlp } from "./mlp.ts";
export { type Norm, Place, type Sublayer } from "./place.ts";
export { RelativePositions } from "./attention.ts";
export { RmsNorm } from "./norms.ts";
export { RotaryPositions } from "./rotary.ts";
export type { BlockShape, PlacedTokens, VirtualTokens } from "./embedding.ts";
