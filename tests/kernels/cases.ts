/** The shared table of kernel cases: what every device has to do right. @module */

import { adamwCases } from "./cases/adamw.ts";
import { attentionCases } from "./cases/attention.ts";
import { packedCases } from "./cases/attention_packed.ts";
import { chooseTokenCases } from "./cases/choose_token.ts";
import { columnScalingCases } from "./cases/column_scaling.ts";
import { crossEntropyCases } from "./cases/cross_entropy.ts";
import { dampedInverseCases } from "./cases/damped_inverse.ts";
import { distanceTermsCases } from "./cases/distance_terms.ts";
import { elementwiseCases } from "./cases/elementwise.ts";
import { embeddingCases } from "./cases/embedding.ts";
import { float16Cases } from "./cases/float16.ts";
import { fourBitCases } from "./cases/four_bit.ts";
import { geluCases } from "./cases/gelu.ts";
import { headProductCases } from "./cases/head_product.ts";
import { klDivergenceCases } from "./cases/kl_divergence.ts";
import { layerNormCases } from "./cases/layer_norm.ts";
import { longSums, matmulCases } from "./cases/matmul.ts";
import { matmulHalfCases } from "./cases/matmul_half.ts";
import { reduceCases } from "./cases/reduce.ts";
import { rmsNormCases } from "./cases/rms_norm.ts";
import { repeatHeadsCases } from "./cases/repeat_heads.ts";
import { rotaryCases } from "./cases/rotary.ts";
import { softmaxCases } from "./cases/softmax.ts";
import { swigluCases } from "./cases/swiglu.ts";
import { reluCases } from "./cases/relu.ts";
import { segmentOuterCases } from "./cases/segment_outer.ts";
import { segmentProductCases } from "./cases/segment_product.ts";
import { segmentScaleCases } from "./cases/segment_scale.ts";
import { siluCases } from "./cases/silu.ts";
import { tanhCases } from "./cases/tanh.ts";
import { unfoldCases } from "./cases/unfold.ts";
import type { KernelCase } from "./kernel_case.ts";

/** Every kernel at awkward extents and with every variant of its scalars. */
export const kernelCases: readonly KernelCase[] = [
  ...matmulCases,
  ...longSums,
  ...matmulHalfCases,
  ...columnScalingCases,
  ...elementwiseCases,
  ...embeddingCases,
  ...float16Cases,
  ...fourBitCases,
  ...reduceCases,
  ...adamwCases,
  ...geluCases,
  ...layerNormCases,
  ...chooseTokenCases,
  ...crossEntropyCases,
  ...klDivergenceCases,
  ...attentionCases,
  ...packedCases,
  ...rmsNormCases,
  ...repeatHeadsCases,
  ...rotaryCases,
  ...swigluCases,
  ...reluCases,
  ...siluCases,
  ...tanhCases,
  ...headProductCases,
  ...dampedInverseCases,
  ...distanceTermsCases,
  ...softmaxCases,
  ...unfoldCases,
  ...segmentOuterCases,
  ...segmentProductCases,
  ...segmentScaleCases,
];

/** The cases by the name of their kernel. */
export const casesByKernel: ReadonlyMap<string, readonly KernelCase[]> = Map.groupBy(
  kernelCases,
  ({ kernel }) => kernel.name,
);
