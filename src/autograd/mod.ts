/** The tape and its differentiable operations. @module */

export type { ForwardModel, LastLayers, TwoParts } from "./head_loss.ts";
export type { Loss, LossOptions } from "./loss.ts";
export { type GradientSlot, Parameter, type TrainableRows } from "./parameter.ts";
export type { Contribution, Differentiable } from "./gradients.ts";
export { Tape } from "./tape.ts";
export type { TapeOptions } from "./tape_options.ts";
export { add } from "./ops/add.ts";
export { attention, type AttentionOptions, type PackedAttentionOptions } from "./ops/attention.ts";
export type { ColumnWindow } from "./ops/columns.ts";
export { convolution, type ConvolutionOptions } from "./ops/convolution.ts";
export { crossEntropy, type CrossEntropyOptions } from "./ops/cross_entropy.ts";
export {
  type DistanceBuckets,
  distanceTerms,
  type DistanceTermsOptions,
} from "./ops/distance_terms.ts";
export { dropoutWithGradient as dropout } from "./ops/dropout.ts";
export { embedding } from "./ops/embedding.ts";
export { gelu, type GeluOptions } from "./ops/gelu.ts";
export { type AttentionInputs, fusedInputs } from "./ops/fused_inputs.ts";
export { headPart, type HeadPartOptions } from "./ops/head_part.ts";
export { headProduct, type HeadProductOptions } from "./ops/head_product.ts";
export { klDivergence } from "./ops/kl_divergence.ts";
export { layerNorm } from "./ops/layer_norm.ts";
export { linear } from "./ops/linear.ts";
export { type PackedSequences, packSequences } from "./ops/packed_sequences.ts";
export { type PaddedSequences, padRows, padSequences, unpadRows } from "./ops/pad_rows.ts";
export { type FirstRows, firstRows, replaceRows, type ReplacingRows } from "./ops/replace_rows.ts";
export { rmsNorm } from "./ops/rms_norm.ts";
export { rotary } from "./ops/rotary.ts";
export { scale } from "./ops/scale.ts";
export { softmax, type SoftmaxOptions } from "./ops/softmax.ts";
export { squaredError } from "./ops/squared_error.ts";
export { swiglu } from "./ops/swiglu.ts";
export { relu } from "./ops/relu.ts";
export { silu } from "./ops/silu.ts";
export { tanh } from "./ops/tanh.ts";
export { readRows, writeRows } from "./ops/trainable_rows.ts";
export type { RowRange } from "../core/row_range.ts";
export type { LowRankSite } from "./ops/low_rank.ts";
