/** Some of a matrix's rows. @module */

/** Neighbouring rows, such as those of a weight that make one projection of a fused layer. */
export interface RowRange {
  /** First row. */
  readonly start: number;
  /** Number of rows. */
  readonly count: number;
}
