/** A low-rank update in ordinary memory: what files hold, analysis takes and adapters give back. @module */

import { ShapeError } from "./errors.ts";
import type { HostTensor } from "./host_tensor.ts";
import { formatShape } from "./shape.ts";
import { type SiteAddress, siteName } from "./site.ts";

/** The factors of an update, ΔW = scaling · B A (Hu et al. 2021, section 4.1). */
export interface LowRankFactors {
  /** `(rank, in)`. */
  readonly A: HostTensor;
  /** `(out, rank)`, where `out` counts the rows that the update changes. */
  readonly B: HostTensor;
  /** The factor of B A: α / r, or α / √r when rank-stabilized. */
  readonly scaling: number;
}

/** The update of one site: W[rows, :] changes by scaling · B A. */
export interface LowRankUpdate extends SiteAddress, LowRankFactors {}

/**
 * Throws unless A and B are matrices of one rank, at least 1, and the scaling is finite.
 *
 * @throws {ShapeError} when A and B do not fit each other.
 * @throws {RangeError} when the scaling is not finite.
 */
export function assertUpdate(update: LowRankUpdate): void {
  const { A, B, scaling } = update, name = siteName(update), rank = A.shape[0];
  const fit = A.shape.length === 2 && B.shape.length === 2 && rank > 0 && B.shape[1] === rank;
  if (!fit || update.rows && update.rows.count !== B.shape[0]) {
    const out = update.rows?.count ?? "out";
    throw new ShapeError(
      `A and B of ${name} must be (rank, in) and (${out}, rank), found ${
        formatShape(A.shape)
      } and ${formatShape(B.shape)}`,
    );
  }
  if (!Number.isFinite(scaling)) {
    throw new RangeError(`the scaling of ${name} must be finite, found ${scaling}`);
  }
}
