/**
 * Rows, tables and figures of adapters: the contents of one, the similarities of two, spectra
 * during training, and the inputs of layers.
 *
 * @module
 */

export type {
  Amplification,
  SharedBasis,
  SharedBasisOptions,
  SharedSide,
  Spectrum,
} from "../analysis/mod.ts";
export type { HostData, HostTensor, Shape } from "../core/tensor.ts";
export {
  type LowRankFactors,
  type LowRankUpdate,
  type RowRange,
  type SiteAddress,
  siteName,
  type SiteRole,
  type SiteRows,
} from "../core/update.ts";
export type { DataTable, Figure, TableColumn, Unit } from "../figures/figure.ts";
export {
  type AdaptedModule,
  type AmplificationNorms,
  type AmplificationRow,
  amplificationRows,
  type AmplificationRowsOptions,
  type DirectionOverlaps,
  topDirectionsOf,
} from "./amplification_rows.ts";
export {
  type BaseWeights,
  openBaseWeights,
  type SecondMoment,
  secondMoments,
  type SecondMomentsOptions,
} from "./second_moments.ts";
export {
  chanceAngles,
  chanceOf,
  type ComparedUpdate,
  compareUpdates,
  type DirectionSpace,
  directionSpaces,
  heldFigure,
  type HeldShares,
  sharedBasisFigure,
  type SharedDirections,
  sharedDirections,
  type SharedModule,
  type Similarities,
  similaritiesByKind,
  similaritiesOf,
  type Similarity,
  type SimilarityOfKind,
} from "./compare.ts";
export { type DescribeOptions, describeUpdate, type UpdateRow } from "./describe.ts";
export {
  latencyFigure,
  latencyTable,
  timeForward,
  type Timing,
  type TimingOptions,
} from "./latency.ts";
export {
  type AdaptationRun,
  memoryFigure,
  type MethodRow,
  methodRows,
  methodTable,
} from "./method_rows.ts";
export {
  prefixFigure,
  prefixLayout,
  prefixTraces,
  type RankLoss,
  type TaskLoss,
  taskLossFigure,
  type WeightCurve,
  weightFigure,
} from "./what_if.ts";
export {
  LiveSpectra,
  type SiteReading,
  sitesOverSteps,
  type SpectrumReading,
  trainingSpectrum,
} from "./live_spectra.ts";
export {
  amplificationTable,
  anglesFigure,
  comparisonByKind,
  comparisonTable,
  similarityFigure,
  spectraFigure,
  type SpectrumRow,
  truncationFigure,
  updateTable,
} from "./tables.ts";
export {
  type Profile,
  profile,
  profileFigure,
  type ProfileOptions,
  type ProfileRow,
  profileTable,
  type Roofs,
} from "./profile.ts";
export { comparableUpdates } from "../formats/peft/comparable.ts";
