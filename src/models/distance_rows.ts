/** Which row of DeBERTa's table of distances each distance has. @module */

import type { RelativeConfig } from "../architectures/deberta_config.ts";

/**
 * The row of each distance δ from 1 - time to time - 1: of δ itself or of its bucket, where the longest ones
 * share the outermost rows.
 */
export function distanceRows(
  { longest, buckets }: Pick<RelativeConfig, "longest" | "buckets">,
  time: number,
): number[] {
  const span = buckets ?? longest;
  return Array.from({ length: 2 * time - 1 }, (_, place) => {
    const distance = place + 1 - time;
    const bucket = buckets ? logBucket(distance, buckets, longest) : distance;
    return Math.min(Math.max(bucket + span, 0), 2 * span - 1);
  });
}

const f32 = Math.fround;

/**
 * δ itself up to half of the buckets, then ⌈log(|δ| / half) / log((longest - 1) / half) · (half - 1)⌉ + half
 * with the sign of δ: every step in F32, as transformers computes it, since the last bits decide on ⌈ ⌉.
 */
function logBucket(distance: number, buckets: number, longest: number): number {
  const half = Math.floor(buckets / 2), size = Math.abs(distance);
  if (size <= half) return distance;
  const [part, whole] = [size, longest - 1].map((length) => f32(Math.log(f32(length / half))));
  const steps = Math.ceil(f32(f32(part / whole) * (half - 1)));
  return Math.sign(distance) * (steps + half);
}
