/** Inverted dropout with a mask that is a function of (seed, index). @module */

import { hash32 } from "../../src/core/random.ts";
import { ceilDivide, defineKernel, f32, type Kernel } from "../kernel.ts";
import code from "./dropout.wgsl" with { type: "text" };

/** The threshold for a rate: elements whose 32 hashed bits are below it are dropped. */
export function dropoutThreshold(rate: number): number {
  return Math.floor(rate * 4294967296);
}

/**
 * y[i] = (accumulate ? y[i] : 0) + (hash32(seed, i) < threshold ? 0 : keepScale · x[i]).
 *
 * The backward pass is the same kernel on the gradient: the mask is recomputed, never stored.
 * `threshold` is {@link dropoutThreshold} of the rate and `keepScale` is 1 / (1 - rate).
 */
export const dropoutKernel: Kernel<
  "x" | "y",
  "size" | "seed" | "threshold" | "keepScale" | "accumulate"
> = defineKernel({
  name: "dropout",
  bindings: { x: f32.read, y: f32.update },
  scalars: { size: "u32", seed: "u32", threshold: "u32", keepScale: "f32", accumulate: "u32" },
  elements: ({ size }) => ({ x: size, y: size }),
  wgsl: { code, workgroups: ({ size }) => ceilDivide(size, 1024) },
  cpu: { units: ({ size }) => size, grain: () => 4096 },
  reference({ x, y }, { size, seed, threshold, keepScale, accumulate }) {
    for (let i = 0; i < size; i++) {
      const kept = hash32(seed, i) < threshold ? 0 : keepScale * x[i];
      y[i] = (accumulate ? y[i] : 0) + kept;
    }
  },
});
