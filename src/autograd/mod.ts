/** The tape and its differentiable operations. @module */

export type { ForwardModel, LastLayers, TwoParts } from "./loss.ts";
export type { Loss, LossOptions } from "./loss.ts";
export { type GradientSlot, Parameter, type TrainableRows } from "./parameter.ts";
export type { Contribution, Differentiable } from "./tape.ts";
export { Tape } from "./tape.ts";
export type { TapeOptions } from "./tape.ts";
export { add } from "./ops/add.ts";
export { attention, type AttentionOptions, type PackedAttentionOptions } from "./ops/attention.ts";
export type { ColumnWindow } from "./ops/product.ts";
export { convolution, type ConvolutionOptions } from "./ops/convolution.ts";
export { crossEntropy, type CrossEntropyOptions } from "./ops/losses.ts";
export {
  type DistanceBuckets,
  distanceTerms,
  type DistanceTermsOptions,
} from "./ops/head_product.ts";
export { dropoutWithGradient as dropout } from "./ops/dropout.ts";
export { embedding } from "./ops/embedding.ts";
export { gelu, type GeluOptions } from "./ops/activations.ts";
export { type AttentionInputs, fusedInputs } from "./ops/attention.ts";
export { headPart, type HeadPartOptions } from "./ops/attention.ts";
export { headProduct, type HeadProductOptions } from "./ops/head_product.ts";
export { klDivergence } from "./ops/losses.ts";
export { layerNorm } from "./ops/norms.ts";
export { linear } from "./ops/linear.ts";
export { type PackedSequences, packSequences } from "./ops/attention.ts";
export { type PaddedSequences, padRows, padSequences, unpadRows } from "./ops/head_product.ts";
export { type FirstRows, firstRows, replaceRows, type ReplacingRows } from "./ops/embedding.ts";
export { rmsNorm } from "./ops/norms.ts";
export { rotary } from "./ops/rotary.ts";
export { scale } from "./ops/add.ts";
export { softmax, type SoftmaxOptions } from "./ops/head_product.ts";
export { squaredError } from "./ops/losses.ts";
export { swiglu } from "./ops/activations.ts";
export { relu } from "./ops/activations.ts";
export { silu } from "./ops/activations.ts";
export { tanh } from "./ops/activations.ts";
export { readRows, writeRows } from "./ops/embedding.ts";
export type { RowRange } from "../core/update.ts";
export type { LowRankSite } from "./ops/low_rank.ts";
