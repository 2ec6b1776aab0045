/** All kernels of the CPU: each export is named after its kernel and follows its signature. */

export { adamw } from "./adamw/adamw.as";
export { attention_backward } from "./attention/backward.as";
export { attention_forward } from "./attention/forward.as";
export { choose_token } from "./choose_token/choose_token.as";
export { dot_columns, row_norms, scale_columns, scale_rows } from "./column_scaling/column_scaling.as";
export { cross_entropy_backward, cross_entropy_forward } from "./cross_entropy/cross_entropy.as";
export { damped_inverse } from "./damped_inverse/damped_inverse.as";
export { distance_terms_backward, distance_terms_forward } from "./distance_terms/distance_terms.as";
export { dropout } from "./dropout/dropout.as";
export { add, copy_columns, fill, scale_add } from "./elementwise/elementwise.as";
export {
  embedding_backward,
  embedding_forward,
  embedding_forward_bf16,
  embedding_forward_f16,
} from "./embedding/embedding.as";
export { widen_bf16, widen_f16 } from "./float16/widen.as";
export { dequantize_four_bit, dequantize_scales, matmul_four_bit } from "./four_bit/four_bit.as";
export { gelu_backward, gelu_forward } from "./gelu/gelu.as";
export { head_product } from "./head_product/head_product.as";
export { kl_divergence_backward, kl_divergence_forward } from "./kl_divergence/kl_divergence.as";
export { layer_norm_backward, layer_norm_backward_parameters } from "./layer_norm/backward.as";
export { layer_norm_forward } from "./layer_norm/forward.as";
export { use_blas } from "./matmul/blas.as";
export { matmul, matmul_bf16, matmul_f16 } from "./matmul/matmul.as";
export { root_sum, sum, sum_columns, sum_squares } from "./reduce/reduce.as";
export { relu_backward, relu_forward } from "./relu/relu.as";
export { repeat_heads, sum_heads } from "./repeat_heads/repeat_heads.as";
export { rms_norm_backward, rms_norm_backward_weight, rms_norm_forward } from "./rms_norm/rms_norm.as";
export { rotary } from "./rotary/rotary.as";
export { segment_outer } from "./segment_outer/segment_outer.as";
export { segment_product } from "./segment_product/segment_product.as";
export { segment_scale } from "./segment_scale/segment_scale.as";
export { silu_backward, silu_forward } from "./silu/silu.as";
export { heap_base, scratch_bytes, use_scratch } from "./simd/scratch.as";
export { softmax_backward, softmax_forward } from "./softmax/softmax.as";
export { swiglu_backward, swiglu_forward } from "./swiglu/swiglu.as";
export { tanh_backward, tanh_forward } from "./tanh/tanh.as";
export { unfold_backward, unfold_forward } from "./unfold/unfold.as";
