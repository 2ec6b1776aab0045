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
export type { HostData, HostTensor } from "../core/tensor.ts";
export type { LowRankFactors, LowRankUpdate } from "../core/update.ts";
export type { RowRange, SiteRows } from "../core/update.ts";
export type { Shape } from "../core/tensor.ts";
export { type SiteAddress, siteName, type SiteRole } from "../core/update.ts";
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
export { type BaseWeights, openBaseWeights } from "./second_moments.ts";
export {
  chanceAngles,
  chanceOf,
  type ComparedUpdate,
  compareUpdates,
  type DirectionSpace,
  directionSpaces,
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
export { type TaskLoss, taskLossFigure } from "./what_if.ts";
export { sitesOverSteps, trainingSpectrum } from "./live_spectra.ts";
export { LiveSpectra, type SiteReading, type SpectrumReading } from "./live_spectra.ts";
export { anglesFigure, similarityFigure, spectraFigure } from "./tables.ts";
export { type SpectrumRow, truncationFigure } from "./tables.ts";
export {
  type HeldShares,
  type SharedDirections,
  sharedDirections,
  type SharedModule,
} from "./compare.ts";
export { heldFigure, sharedBasisFigure } from "./compare.ts";
export { type Profile, profile, type ProfileOptions, type ProfileRow } from "./profile.ts";
export { profileFigure, profileTable } from "./profile.ts";
export type { Roofs } from "./profile.ts";
export { type SecondMoment, secondMoments, type SecondMomentsOptions } from "./second_moments.ts";
export {
  type Similarities,
  similaritiesByKind,
  similaritiesOf,
  type Similarity,
  type SimilarityOfKind,
} from "./compare.ts";
export { amplificationTable, comparisonByKind, comparisonTable, updateTable } from "./tables.ts";
export { comparableUpdates } from "../formats/peft/comparable.ts";
export {
  prefixFigure,
  prefixLayout,
  prefixTraces,
  type RankLoss,
  type WeightCurve,
  weightFigure,
} from "./what_if.ts";
