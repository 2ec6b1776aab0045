/**
 * What an adapter contains and what two adapters have in common: rows, tables and figures, without a
 * device.
 *
 * @module
 */

export type { Amplification, Spectrum } from "../analysis/mod.ts";
export type { HostData, HostTensor } from "../core/host_tensor.ts";
export type { LowRankFactors, LowRankUpdate } from "../core/low_rank_update.ts";
export type { RowRange } from "../core/row_range.ts";
export type { Shape } from "../core/shape.ts";
export { type SiteAddress, siteName, type SiteRole } from "../core/site.ts";
export type { DataTable, Figure, TableColumn, Unit } from "../figures/figure.ts";
export { type BaseWeights, openBaseWeights } from "./base_weights.ts";
export {
  chanceAngles,
  chanceOf,
  type ComparedUpdate,
  compareUpdates,
  type DirectionSpace,
  directionSpaces,
} from "./compare.ts";
export { type DescribeOptions, describeUpdate, type UpdateRow } from "./describe.ts";
export { anglesFigure, similarityFigure, spectraFigure, truncationFigure } from "./figures.ts";
export { amplificationTable, comparisonTable, updateTable } from "./tables.ts";
export { comparableUpdates } from "./updates.ts";
