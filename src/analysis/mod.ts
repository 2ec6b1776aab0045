/**
 * Rank analysis: plain matrices in, plain numbers out. No device, no model.
 *
 * @module
 */

export { ShapeError } from "../core/errors.ts";
export type { HostData, HostTensor, Shape } from "../core/tensor.ts";
export type { LowRankFactors, LowRankUpdate } from "../core/update.ts";
export type { DenseMatrix, LargeMatrix, Svd } from "../linalg/mod.ts";
export {
  activationsOf,
  bestUpdate,
  inActivationMetric,
  inInputMetric,
  type InputSpread,
  inputSpread,
  type InputStatistics,
  leastLoss,
  type ReducedRank,
  reducedRank,
  updateLoss,
} from "./activation_metric.ts";
export {
  type Amplification,
  amplification,
  type AmplificationOptions,
  expectedRandomNorm,
  type IntruderOptions,
  type Intruders,
  intruders,
  type TunedDirection,
} from "./amplification.ts";
export {
  type CombinationMethod,
  combinationMethods,
  type CombineOptions,
  combineUpdates,
  type MajoritySign,
  type SumError,
  sumError,
  sumUpdates,
  type WeightedUpdate,
} from "./combine.ts";
export {
  bendOf,
  crossing,
  effectiveRank,
  energyRank,
  frobeniusOf,
  marchenkoPasturEdge,
  neededRank,
  nuclearRatio,
  numericalRank,
  participationRatio,
  rankForError,
  type RankHeight,
  stableRank,
  type TruncationError,
  truncationError,
} from "./measures.ts";
export {
  blockSimilarity,
  gaussianSimilarity,
  type GaussianSimilarityOptions,
  meanSimilarity,
  principalAngles,
  type RandomSimilarity,
  randomSimilarity,
  rightDirections,
  rightSimilarity,
  similarityGrid,
  type UpdateDirections,
  updateDirections,
} from "./subspaces.ts";
export { type Matrix, toTensor } from "./input.ts";
export {
  float32Epsilon,
  matrixFactors,
  type Spectrum,
  spectrum,
  type TruncatedUpdate,
  truncateUpdate,
  updateSingularValues,
  updateSvd,
} from "./spectrum.ts";
export {
  type CommonDirections,
  commonDirections,
  type SharedBasis,
  sharedBasis,
  type SharedBasisOptions,
  type SharedSide,
} from "./shared_basis.ts";
