/** Terms of attention's scores that depend on a token and on the distance to the other. @module */

import { ceilDivide, defineKernel, f32, type Kernel, u32 } from "../kernel.ts";
import forwardCode from "./forward.wgsl" with { type: "text" };
import backwardCode from "./backward.wgsl" with { type: "text" };

/**
 * y[b, i, h, j] = x[b, i, h, j] + terms[b, t, h, bucketOf[i - j + time - 1]], where t is the query i or, with
 * `ofKey`, the key j (He et al. 2020, equation 4).
 *
 * x and y are (batch · time) x heads x time, `terms` is (batch · time) x heads x buckets, and bucketOf has an
 * entry below `buckets` for each of the 2 · time - 1 distances, which never falls.
 */
export const distanceTermsForward: Kernel<
  "x" | "terms" | "bucketOf" | "y",
  "batch" | "heads" | "time" | "buckets" | "ofKey"
> = defineKernel({
  name: "distance_terms_forward",
  bindings: { x: f32.read, terms: f32.read, bucketOf: u32.read, y: f32.write },
  scalars: { batch: "u32", heads: "u32", time: "u32", buckets: "u32", ofKey: "u32" },
  elements: ({ batch, heads, time, buckets }) => ({
    x: batch * heads * time * time,
    terms: batch * heads * time * buckets,
    bucketOf: 2 * time - 1,
    y: batch * heads * time * time,
  }),
  wgsl: {
    code: forwardCode,
    workgroups: ({ batch, heads, time }) => ceilDivide(batch * heads * time * time, 1024),
  },
  cpu: {
    units: ({ batch, heads, time }) => batch * heads * time,
    grain: ({ time }) => ceilDivide(8192, time),
  },
  reference({ x, terms, bucketOf, y }, { batch, heads, time, buckets, ofKey }) {
    for (let row = 0; row < batch * time * heads; row++) {
      const h = row % heads, token = (row - h) / heads, i = token % time, first = token - i;
      for (let j = 0; j < time; j++) {
        const owner = ofKey ? first + j : token;
        const term = terms[(owner * heads + h) * buckets + bucketOf[i - j + time - 1]];
        y[row * time + j] = x[row * time + j] + term;
      }
    }
  },
});

/**
 * dTerms[b, t, h, r] = (accumulate ? its old value : 0) + Σ dy[b, i, h, j] over the pairs (i, j) of which t is
 * the query or, with `ofKey`, the key, and whose distance is in bucket r: starts[r] <= i - j + time - 1 <
 * starts[r + 1].
 *
 * `starts` has buckets + 1 entries. Every element is summed by one thread in a fixed order: without
 * atomics, the bits are the same every time.
 */
export const distanceTermsBackward: Kernel<
  "dy" | "starts" | "dTerms",
  "batch" | "heads" | "time" | "buckets" | "ofKey" | "accumulate"
> = defineKernel({
  name: "distance_terms_backward",
  bindings: { dy: f32.read, starts: u32.read, dTerms: f32.update },
  scalars: {
    batch: "u32",
    heads: "u32",
    time: "u32",
    buckets: "u32",
    ofKey: "u32",
    accumulate: "u32",
  },
  elements: ({ batch, heads, time, buckets }) => ({
    dy: batch * heads * time * time,
    starts: buckets + 1,
    dTerms: batch * heads * time * buckets,
  }),
  wgsl: {
    code: backwardCode,
    workgroups: ({ batch, heads, time, buckets }) =>
      ceilDivide(batch * heads * time * buckets, 256),
  },
  cpu: {
    units: ({ batch, heads, time }) => batch * heads * time,
    grain: ({ time }) => ceilDivide(4096, time),
  },
  reference({ dy, starts, dTerms }, { batch, heads, time, buckets, ofKey, accumulate }) {
    for (let row = 0; row < batch * time * heads; row++) {
      const h = row % heads, token = (row - h) / heads, t = token % time, first = token - t;
      for (let bucket = 0; bucket < buckets; bucket++) {
        const at = row * buckets + bucket;
        let sum = accumulate ? dTerms[at] : 0;
        for (let p = starts[bucket]; p < starts[bucket + 1]; p++) {
          const distance = p - (time - 1), other = ofKey ? t + distance : t - distance;
          if (other < 0 || other >= time) continue;
          const [i, j] = ofKey ? [other, t] : [t, other];
          sum += dy[((first + i) * heads + h) * time + j];
        }
        dTerms[at] = sum;
      }
    }
  },
});
