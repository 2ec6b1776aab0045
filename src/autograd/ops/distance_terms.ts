/** Terms of attention's scores that depend on a token and on the distance to the other. @module */

import {
  distanceTermsBackward,
  distanceTermsForward,
} from "../../../kernels/distance_terms/kernel.ts";
import { assertShape } from "../../core/shape.ts";
import type { Tensor } from "../../device/device.ts";
import type { Tape } from "../tape.ts";

/** The distances i - j of queries i and keys j, in buckets, whose numbers never fall as distances grow. */
export interface DistanceBuckets {
  /** u32 (2 · time - 1): the bucket of each distance from 1 - time to time - 1. */
  readonly bucketOf: Tensor;
  /** u32 (buckets + 1): where each bucket begins in `bucketOf`, and its end. */
  readonly starts: Tensor;
}

/** What the rows of scores are, and whose terms are added. */
export interface DistanceTermsOptions {
  /** Number of sequences. */
  readonly batch: number;
  /** Number of heads. */
  readonly heads: number;
  /** The terms are those of keys rather than of queries. */
  readonly ofKey: boolean;
}

/**
 * x_ij + terms of query i, or of key j, for the bucket of their distance, in every head (He et al. 2020,
 * equation 4). x is (batch · time, heads · time), `terms` (batch · time, heads · buckets). The gradient of a
 * term is the sum over the pairs that it was added to.
 *
 * @throws {ShapeError} when the scores, the terms and the distances do not fit each other.
 */
export function distanceTerms(
  tape: Tape,
  x: Tensor,
  terms: Tensor,
  { bucketOf, starts }: DistanceBuckets,
  { batch, heads, ofKey }: DistanceTermsOptions,
): Tensor {
  const time = (bucketOf.size + 1) / 2, buckets = starts.size - 1;
  assertShape("the scores", x.shape, [batch * time, heads * time]);
  assertShape("terms by distance", terms.shape, [batch * time, heads * buckets]);
  const y = tape.activation(x.shape, "scores with terms"), { device } = tape;
  const scalars = { batch, heads, time, buckets, ofKey: Number(ofKey) };
  device.launch(distanceTermsForward, { x, terms, bucketOf, y }, scalars);
  return tape.record(y, [x, terms], (dy) => {
    const into = tape.contribute(terms);
    if (into) {
      const { tensor: dTerms, accumulate } = into;
      device.launch(distanceTermsBackward, { dy, starts, dTerms }, { ...scalars, accumulate });
    }
    tape.give(x, dy);
  }, [starts]);
}
