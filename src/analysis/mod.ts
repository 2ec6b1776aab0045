/** Rank analysis: plain matrices in, plain numbers out. No device, no model. @module */

export { ShapeError } from "../core/errors.ts";
export type { HostData, HostTensor } from "../core/host_tensor.ts";
export type { LowRankFactors, LowRankUpdate } from "../core/low_rank_update.ts";
export type { Shape } from "../core/shape.ts";
export type { DenseMatrix, LargeMatrix, Svd } from "../linalg/mod.ts";
export { activationsOf, inActivationMetric, type InputStatistics } from "./activation_metric.ts";
export {
  type Amplification,
  amplification,
  type AmplificationOptions,
  expectedRandomNorm,
} from "./amplification.ts";
export {
  type CombinationMethod,
  combinationMethods,
  type CombineOptions,
  combineUpdates,
} from "./combine.ts";
export { bendOf, crossing, neededRank, type RankHeight } from "./curves.ts";
export { rightDirections, type UpdateDirections, updateDirections } from "./directions.ts";
export { type Matrix, toTensor } from "./input.ts";
export { type InputSpread, inputSpread } from "./input_spread.ts";
export {
  gaussianSimilarity,
  type GaussianSimilarityOptions,
  meanSimilarity,
} from "./gaussian_similarity.ts";
export { matrixFactors } from "./matrix_factors.ts";
export {
  type IntruderOptions,
  type Intruders,
  intruders,
  type TunedDirection,
} from "./intruders.ts";
export {
  effectiveRank,
  energyRank,
  frobeniusOf,
  marchenkoPasturEdge,
  nuclearRatio,
  numericalRank,
  participationRatio,
  rankForError,
  stableRank,
  type TruncationError,
  truncationError,
} from "./measures.ts";
export {
  bestUpdate,
  inInputMetric,
  leastLoss,
  type ReducedRank,
  reducedRank,
  updateLoss,
} from "./reduced_rank.ts";
export {
  type CommonDirections,
  commonDirections,
  type SharedBasis,
  sharedBasis,
  type SharedBasisOptions,
  type SharedSide,
} from "./shared_basis.ts";
export { float32Epsilon, type Spectrum, spectrum } from "./spectrum.ts";
export {
  blockSimilarity,
  principalAngles,
  type RandomSimilarity,
  randomSimilarity,
  rightSimilarity,
  similarityGrid,
} from "./subspaces.ts";
export type { MajoritySign } from "./task_tensors.ts";
export { type TruncatedUpdate, truncateUpdate } from "./truncate.ts";
export { updateSingularValues, updateSvd } from "./update_svd.ts";
export { type SumError, sumError, sumUpdates, type WeightedUpdate } from "./weighted_sum.ts";
