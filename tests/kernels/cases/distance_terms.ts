/** Cases of scores' terms by distance. @module */

import { distanceTermsBackward, distanceTermsForward } from "../../../kernels/mod.ts";
import { each, gamma, magnitudes, u } from "../error_model.ts";
import type { KernelCase } from "../kernel_case.ts";
import { normals, target } from "./values.ts";

type Extents = Record<"batch" | "heads" | "time" | "buckets", number>;

/** Buckets that never fall from 0 to the last, of different sizes; some are left out if there are many. */
const bucketsOf = ({ time, buckets }: Extents): Uint32Array =>
  Uint32Array.from({ length: 2 * time - 1 }, (_, p) => Math.floor(p * buckets / (2 * time - 1)));

const startsOf = (extents: Extents): Uint32Array =>
  Uint32Array.from(
    { length: extents.buckets + 1 },
    (_, bucket) => bucketsOf(extents).filter((other) => other < bucket).length,
  );

function forwardCase(extents: Extents, ofKey: number): KernelCase {
  const { batch, heads, time, buckets } = extents, scores = batch * heads * time * time;
  return {
    name: `${batch} x ${heads} x ${time} of ${buckets}, of key ${ofKey}`,
    kernel: distanceTermsForward,
    buffers: {
      x: normals(1, scores),
      terms: normals(2, batch * time * heads * buckets),
      bucketOf: bucketsOf(extents),
      y: scores,
    },
    scalars: { ...extents, ofKey },
    bound: (_, { y }) => ({ y: each(y.length, (at) => u * Math.abs(y[at])) }),
  };
}

/** Sums of at most 2 · time - 1 values and what was there. */
function backwardCase(extents: Extents, ofKey: number, accumulate: number): KernelCase {
  const { batch, heads, time, buckets } = extents, scalars = { ...extents, ofKey, accumulate };
  return {
    name: `${batch} x ${heads} x ${time} of ${buckets}, of key ${ofKey}, accumulate ${accumulate}`,
    kernel: distanceTermsBackward,
    buffers: {
      dy: normals(3, batch * heads * time * time),
      starts: startsOf(extents),
      dTerms: target(4, batch * time * heads * buckets, accumulate),
    },
    scalars,
    bound: ({ dy, starts, dTerms }) => {
      const sums = magnitudes(dTerms), sizes = { dy: magnitudes(dy), starts, dTerms: sums };
      distanceTermsBackward.reference(sizes, scalars);
      return { dTerms: sums.map((size) => gamma(2 * time) * size) };
    },
  };
}

/** All of them. */
export const distanceTermsCases: readonly KernelCase[] = [1, 2, 5, 15, 16, 17, 33].flatMap(
  (time) =>
    [1, Math.ceil(time / 2), 2 * time - 1].flatMap((buckets) =>
      [0, 1].flatMap((ofKey) => [
        forwardCase({ batch: 2, heads: 3, time, buckets }, ofKey),
        backwardCase({ batch: 2, heads: 3, time, buckets }, ofKey, ofKey),
        backwardCase({ batch: 1, heads: 1, time, buckets: buckets + 1 }, ofKey, 1 - ofKey),
      ])
    ),
);
