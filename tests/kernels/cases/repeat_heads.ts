/** Cases of heads that are repeated, and of sums over the repetitions. @module */

import { repeatHeads, sumHeads } from "../../../kernels/mod.ts";
import { each, gamma } from "../error_model.ts";
import type { KernelCase } from "../kernel_case.ts";
import { awkward, normals, target } from "./values.ts";

interface Extents {
  readonly rows: number;
  readonly heads: number;
  readonly group: number;
  readonly headWidth: number;
}

/** Rows of narrow and of wide matrices, with columns before and after. */
function placesOf({ rows, heads, group, headWidth }: Extents, padding: number) {
  const narrow = heads * headWidth, wide = group * narrow;
  return {
    ...{ narrow, wide, narrowStride: narrow + padding, wideStride: wide + 2 * padding },
    ...{ narrowOffset: padding, wideOffset: Math.ceil(padding / 2) },
    narrowSize: (rows - 1) * (narrow + padding) + padding + narrow,
    wideSize: (rows - 1) * (wide + 2 * padding) + Math.ceil(padding / 2) + wide,
  };
}

function repeatCase(extents: Extents, padding: number): KernelCase {
  const at = placesOf(extents, padding), { rows, heads, group, headWidth } = extents;
  return {
    name: `${rows} x ${heads} x ${headWidth}, ${group} times, padding ${padding}`,
    kernel: repeatHeads,
    buffers: { x: normals(1, at.narrowSize), y: target(2, at.wideSize, 1) },
    scalars: {
      ...{ rows, heads, group, headWidth },
      ...{ xOffset: at.narrowOffset, xStride: at.narrowStride },
      ...{ yOffset: at.wideOffset, yStride: at.wideStride },
    },
    bound: () => ({}), // A copy is exact; elements beside the columns keep their bits.
  };
}

function sumCase(extents: Extents, padding: number, accumulate: number): KernelCase {
  const at = placesOf(extents, padding), { rows, heads, group, headWidth } = extents;
  return {
    name:
      `${rows} x ${heads} x ${headWidth}, ${group} times, padding ${padding}, accumulate ${accumulate}`,
    kernel: sumHeads,
    buffers: { x: normals(3, at.wideSize), y: target(4, at.narrowSize, accumulate || padding) },
    scalars: {
      ...{ rows, heads, group, headWidth },
      ...{ xOffset: at.wideOffset, xStride: at.wideStride },
      ...{ yOffset: at.narrowOffset, yStride: at.narrowStride },
      accumulate,
    },
    bound: ({ x, y }) => ({
      y: each(y.length, (place) => {
        const column = (place - at.narrowOffset) % at.narrowStride;
        const row = (place - at.narrowOffset - column) / at.narrowStride;
        if (column < 0 || column >= at.narrow || row < 0) return 0;
        const i = column % headWidth, first = (column - i) * group + i;
        const from = row * at.wideStride + at.wideOffset + first;
        const sizes = Array.from({ length: group }, (_, c) => Math.abs(x[from + c * headWidth]));
        const size = sizes.reduce((sum, one) => sum + one, accumulate && Math.abs(y[place]));
        return gamma(group + 1) * size;
      }),
    }),
  };
}

/** All of them. */
export const repeatHeadsCases: readonly KernelCase[] = [
  ...awkward.flatMap((headWidth) => [
    repeatCase({ rows: 1, heads: 1, group: 1, headWidth }, 0),
    repeatCase({ rows: 17, heads: 3, group: 2, headWidth }, 3),
    sumCase({ rows: 1, heads: 1, group: 1, headWidth }, 0, 0),
    sumCase({ rows: 17, heads: 3, group: 2, headWidth }, 3, 1),
    sumCase({ rows: 33, heads: 2, group: 5, headWidth }, 5, 0),
  ]),
  repeatCase({ rows: 300, heads: 3, group: 3, headWidth: 64 }, 0),
  sumCase({ rows: 300, heads: 3, group: 3, headWidth: 64 }, 0, 0),
];
