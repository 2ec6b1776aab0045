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
export { activationOf } from "./activations.ts";
export {
  DisentangledAttention,
  type DisentangledParts,
  type RelativeContext,
} from "./disentangled_attention.ts";
export { type AdaptedLayer, Embedding, type Ids } from "./embedding.ts";
export { type CacheShape, KeyValueCache } from "./key_value_cache.ts";
export { LayerNorm } from "./layer_norm.ts";
export type { FourBitForm } from "../quant/quantized_tensor.ts";
export { FourBitWeight } from "../autograd/four_bit_weight.ts";
export { DenseWeight, HalfWeight, type LowRankTerm, type Weight } from "../autograd/weight.ts";
export type { Adaptation } from "./adaptation.ts";
export { Linear, type LinearParts } from "./linear.ts";
export { type Activation, GatedMlp, Mlp } from "./mlp.ts";
export { type Norm, Place, type Sublayer } from "./place.ts";
export { RelativePositions } from "./relative_positions.ts";
export { RmsNorm } from "./rms_norm.ts";
export { RotaryPositions } from "./rotary.ts";
export type { BlockShape, PlacedTokens, VirtualTokens } from "./virtual_tokens.ts";
