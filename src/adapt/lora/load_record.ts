/** What a loader says about the modules of a file. @module */

/** A module of a file and the layer that it was matched to. */
export interface MatchedModule {
  /** Its path in the file. */
  readonly module: string;
  /** The layer's path in the model. */
  readonly layer: string;
  /** r. */
  readonly rank: number;
  /** The factor of B A. */
  readonly scaling: number;
  /** True where all of A or B is zero: the adapter changes nothing there. */
  readonly isZero: boolean;
}

/** How an adapter was loaded. */
export interface LoadRecord {
  /** Every module of the file. */
  readonly matched: readonly MatchedModule[];
  /** What `allow` let pass: `unmatchedTargets: q_proj`. */
  readonly passed: readonly string[];
}
