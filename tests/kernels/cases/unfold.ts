/** Cases of unfolding. @module */

import { unfoldBackward, unfoldForward } from "../../../kernels/mod.ts";
import { gamma, magnitudes } from "../error_model.ts";
import type { KernelCase } from "../kernel_case.ts";
import { awkward, integers, normals, target } from "./values.ts";

type Extents = Record<"batch" | "time" | "width" | "taps", number>;

const maskOf = ({ batch, time }: Extents, hasMask: number) =>
  hasMask ? integers(2, batch * time, 3).map((value) => Math.min(value, 1)) : new Uint32Array(1);

const nameOf = ({ batch, time, width, taps }: Extents) =>
  `${batch} x ${time} x ${width} by ${taps}`;

function forwardCase(extents: Extents, hasMask: number): KernelCase {
  const { batch, time, width, taps } = extents, size = batch * time * width;
  return {
    name: `${nameOf(extents)}, mask ${hasMask}`,
    kernel: unfoldForward,
    buffers: { x: normals(1, size), mask: maskOf(extents, hasMask), y: size * taps },
    scalars: { ...extents, hasMask },
    bound: () => ({}),
  };
}

/** Sums of at most `taps` values and what was there. */
function backwardCase(extents: Extents, hasMask: number, accumulate: number): KernelCase {
  const { batch, time, width, taps } = extents, size = batch * time * width;
  const scalars = { ...extents, hasMask, accumulate };
  return {
    name: `${nameOf(extents)}, mask ${hasMask}, accumulate ${accumulate}`,
    kernel: unfoldBackward,
    buffers: {
      dy: normals(3, size * taps),
      mask: maskOf(extents, hasMask),
      dx: target(4, size, accumulate),
    },
    scalars,
    bound: ({ dy, mask, dx }) => {
      const sums = magnitudes(dx), sizes = { dy: magnitudes(dy), mask, dx: sums };
      unfoldBackward.reference(sizes, scalars);
      return { dx: sums.map((sum) => gamma(taps + 1) * sum) };
    },
  };
}

/** All of them. */
export const unfoldCases: readonly KernelCase[] = awkward.flatMap((time) =>
  [1, 3, 5].flatMap((taps) => [
    forwardCase({ batch: 2, time, width: 7, taps }, 0),
    forwardCase({ batch: 3, time, width: 4, taps }, 1),
    backwardCase({ batch: 2, time, width: 7, taps }, 0, 1),
    backwardCase({ batch: 3, time, width: 4, taps }, 1, 0),
    backwardCase({ batch: 1, time, width: 33, taps }, 1, 1),
  ])
);
