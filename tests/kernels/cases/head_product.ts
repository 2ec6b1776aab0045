/** Cases of products by head. @module */

import { headProductKernel } from "../../../kernels/mod.ts";
import { gamma, magnitudes } from "../error_model.ts";
import type { KernelCase } from "../kernel_case.ts";
import { awkward, normals, target } from "./values.ts";

type Extents = Record<"groups" | "heads" | "m" | "n" | "k", number>;

/** Errors are those of the sum of magnitudes: k products, their sum, alpha and what was there. */
function productCase(extents: Extents, layout: number, accumulate: number): KernelCase {
  const { groups, heads, m, n, k } = extents, count = groups * heads;
  const transposes = { transposeA: layout & 1, transposeB: layout >> 1 };
  const scalars = { ...extents, ...transposes, alpha: 0.375, accumulate };
  return {
    name: `${groups} x ${heads} of ${m} x ${n} x ${k}, layout ${layout}, accumulate ${accumulate}`,
    kernel: headProductKernel,
    buffers: {
      a: normals(1, count * m * k),
      b: normals(2, count * k * n),
      c: target(3, count * m * n, accumulate),
    },
    scalars,
    bound: ({ a, b, c }) => {
      const sizes = { a: magnitudes(a), b: magnitudes(b), c: magnitudes(c) };
      headProductKernel.reference(sizes, scalars);
      return { c: sizes.c.map((size) => gamma(k + 3) * size) };
    },
  };
}

const layouts = [0, 1, 2, 3];

/** All of them. */
export const headProductCases: readonly KernelCase[] = [
  ...awkward.flatMap((extent) =>
    layouts.map((layout) =>
      productCase({ groups: 2, heads: 3, m: extent, n: 7, k: 5 }, layout, layout % 2)
    )
  ),
  ...[1, 17, 33, 64].flatMap((extent) =>
    layouts.flatMap((layout) => [
      productCase({ groups: 3, heads: 1, m: 9, n: extent, k: 6 }, layout, 0),
      productCase({ groups: 1, heads: 4, m: 5, n: 8, k: extent }, layout, 1),
    ])
  ),
  productCase({ groups: 2, heads: 4, m: 130, n: 70, k: 40 }, 2, 0),
  productCase({ groups: 1, heads: 2, m: 15, n: 16, k: 300 }, 1, 1),
];
