/** Rank analysis: plain matrices in, plain numbers out. No device, no model. @module */

export { ShapeError } from "../core/errors.ts";
export type { HostData, HostTensor } from "../core/tensor.ts";
export type { LowRankFactors, LowRankUpdate } from "../core/update.ts";
export type { Shape } from "../core/tensor.ts";
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
export { bendOf, crossing, neededRank, type RankHeight } from "./measures.ts";
export { rightDirections, type UpdateDirections, updateDirections } from "./subspaces.ts";
export { type Matrix, toTensor } from "./input.ts";
export { type InputSpread, inputSpread } from "./activation_metric.ts";
export { gaussianSimilarity, type GaussianSimilarityOptions, meanSimilarity } from "./subspaces.ts";
export { matrixFactors } from "./spectrum.ts";
export {
  type IntruderOptions,
  type Intruders,
  intruders,
  type TunedDirection,
} from "./amplification.ts";
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
} from "./activation_metric.ts";
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
export type { MajoritySign } from "./combine.ts";
export { type TruncatedUpdate, truncateUpdate } from "./spectrum.ts";
export { updateSingularValues, updateSvd } from "./spectrum.ts";
export { type SumError, sumError, sumUpdates, type WeightedUpdate } from "./combine.ts";
