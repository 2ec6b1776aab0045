/** Linear algebra in float64. @module */

export { closeFfi, usesLibrary } from "./linalg.ts";
export { gaussian, orthonormalRows } from "./gaussian.ts";
export type { Lq } from "./lq.ts";
export { largeFrobeniusNorm, times, timesTransposed } from "./range_finder.ts";
export {
  lowerTriangle,
  lq,
  multiply,
  multiplyTransposed,
  type Qr,
  qr,
  singularValues,
  svd,
  symmetricEigen,
  upperTriangle,
} from "./linalg.ts";
export {
  assertFinite,
  type DenseMatrix,
  denseOf,
  difference,
  frobeniusNorm,
  identity,
  type LargeMatrix,
  rowsOf,
  scaledBy,
  squaredNorm,
  stackedRows,
  sum,
  transposed,
  zeros,
} from "./matrix.ts";
export { type LeadingOptions, leadingSvd, rangeFinder } from "./range_finder.ts";
export type { Svd, SymmetricEigen } from "./svd.ts";
