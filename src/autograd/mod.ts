/**
 * The tape and its differentiable operations.
 *
 * @module
 */

export type { ForwardModel, LastLayers, Loss, LossOptions, TwoParts } from "./loss.ts";
export { type GradientSlot, Parameter, type TrainableRows } from "./parameter.ts";
export { type Contribution, type Differentiable, Tape, type TapeOptions } from "./tape.ts";
export { add, scale } from "./ops/add.ts";
export {
  attention,
  type AttentionInputs,
  type AttentionOptions,
  fusedInputs,
  headPart,
  type HeadPartOptions,
  type PackedAttentionOptions,
  type PackedSequences,
  packSequences,
} from "./ops/attention.ts";
export type { ColumnWindow } from "./ops/product.ts";
export { convolution, type ConvolutionOptions } from "./ops/convolution.ts";
export {
  crossEntropy,
  type CrossEntropyOptions,
  klDivergence,
  squaredError,
} from "./ops/losses.ts";
export {
  type DistanceBuckets,
  distanceTerms,
  type DistanceTermsOptions,
  headProduct,
  type HeadProductOptions,
  type PaddedSequences,
  padRows,
  padSequences,
  softmax,
  type SoftmaxOptions,
  unpadRows,
} from "./ops/head_product.ts";
export { dropoutWithGradient as dropout } from "./ops/dropout.ts";
export {
  embedding,
  type FirstRows,
  firstRows,
  readRows,
  replaceRows,
  type ReplacingRows,
  writeRows,
} from "./ops/embedding.ts";
export { gelu, type GeluOptions, relu, silu, swiglu, tanh } from "./ops/activations.ts";
export { layerNorm, rmsNorm } from "./ops/norms.ts";
export { linear } from "./ops/linear.ts";
export { rotary, rotaryPart } from "./ops/rotary.ts";
export type { RowRange } from "../core/update.ts";
export type { LowRankSite } from "./ops/low_rank.ts";
