/**
 * All kernels: each is described once and runs on every device.
 *
 * @module
 */

export * from "./kernel.ts";
export { adamw, type AdamWKernel } from "./adamw/kernel.ts";
export { attentionBackward } from "./attention/backward_kernel.ts";
export { attentionForward } from "./attention/kernel.ts";
export { chooseTokenKernel, wrongLogitOf } from "./choose_token/kernel.ts";
export { dotColumns, rowNorms, scaleColumns, scaleRows } from "./column_scaling/kernel.ts";
export { crossEntropyBackward, crossEntropyForward } from "./cross_entropy/kernel.ts";
export { dampedInverse } from "./damped_inverse/kernel.ts";
export { distanceTermsBackward, distanceTermsForward } from "./distance_terms/kernel.ts";
export { dropoutKernel, dropoutThreshold } from "./dropout/kernel.ts";
export { addKernel, copyColumns, fill, scaleAdd } from "./elementwise/kernel.ts";
export {
  embeddingBackward,
  type EmbeddingForward,
  embeddingForward,
  embeddingForwardBf16,
  embeddingForwardF16,
} from "./embedding/kernel.ts";
export { type Widen, widenBf16, widenF16 } from "./float16/kernel.ts";
export { dequantizeFourBit, dequantizeScales, matmulFourBit } from "./four_bit/kernel.ts";
export { geluBackward, geluForward } from "./gelu/kernel.ts";
export { headProductKernel } from "./head_product/kernel.ts";
export { klDivergenceBackward, klDivergenceForward } from "./kl_divergence/kernel.ts";
export {
  layerNormBackward,
  layerNormBackwardParameters,
  layerNormForward,
} from "./layer_norm/kernel.ts";
export { type Matmul, matmul, matmulBf16, matmulF16 } from "./matmul/kernel.ts";
export { rootSum, squaresChunk, sum, sumColumns, sumSquares } from "./reduce/kernel.ts";
export { reluBackward, reluForward } from "./relu/kernel.ts";
export { type HeadScalars, repeatHeads, sumHeads } from "./repeat_heads/kernel.ts";
export { rmsNormBackward, rmsNormBackwardWeight, rmsNormForward } from "./rms_norm/kernel.ts";
export { rotaryKernel } from "./rotary/kernel.ts";
export { segmentOuter } from "./segment_outer/kernel.ts";
export { segmentProduct } from "./segment_product/kernel.ts";
export { segmentScale } from "./segment_scale/kernel.ts";
export { siluBackward, siluForward } from "./silu/kernel.ts";
export { softmaxBackward, softmaxForward } from "./softmax/kernel.ts";
export { swigluBackward, swigluForward } from "./swiglu/kernel.ts";
export { tanhBackward, tanhForward } from "./tanh/kernel.ts";
export { unfoldBackward, unfoldForward } from "./unfold/kernel.ts";
