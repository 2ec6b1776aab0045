/** Cases of outer products of rows that belong to groups. */

import { segmentOuter } from "../../../kernels/segment_outer/kernel.ts";
import { gamma, magnitudes } from "../error_model.ts";
import type { KernelCase } from "../kernel_case.ts";
import { awkward, normals, target } from "./values.ts";

/** m and n of each part of each group; m = 0 leaves it out. */
type Groups = readonly (readonly (readonly [m: number, n: number])[])[];

interface Batch {
  /** The rows of each piece: its group, its first row, how many. */
  readonly pieces: readonly (readonly [group: number, first: number, count: number])[];
  /** Rows of the batch. */
  readonly batch: number;
  /** Tokens of a row. */
  readonly time: number;
}

/** Errors are those of the sum of magnitudes: a product for each token, their sum, and what was there. */
function outerCase(
  name: string,
  groups: Groups,
  { pieces, batch, time }: Batch,
  accumulate = 0,
  padding = 0,
): KernelCase {
  const partCount = Math.max(...groups.map(({ length }) => length)), tokens = batch * time;
  let size = padding, pStride = padding, qStride = padding;
  const parts = groups.flatMap((own) => {
    let [p, q] = [padding, padding];
    return Array.from({ length: partCount }, (_, i) => {
      const [m, n] = own[i] ?? [0, 0], part = [m, n, p, q, size];
      [p, q, size] = [p + m + padding, q + n + padding, size + m * n + padding];
      [pStride, qStride] = [Math.max(pStride, p), Math.max(qStride, q)];
      return part;
    });
  });
  let rows = 0;
  const numbers = pieces.flatMap((
    [group, first, count],
  ) => [(rows += count) - count, first, group]);
  const scalars = {
    ...{ rows, time, pieceCount: pieces.length, groups: groups.length, partCount },
    ...{ pStride, qStride, accumulate },
    mostM: Math.max(...parts.map(([m]) => m)),
    mostN: Math.max(...parts.map(([, n]) => n)),
  };
  return {
    name: `${name}, accumulate ${accumulate}, padding ${padding}`,
    kernel: segmentOuter,
    buffers: {
      p: normals(1, tokens * pStride),
      q: normals(2, tokens * qStride),
      pieces: Uint32Array.from(numbers.length > 0 ? numbers : [0, 0, 0]),
      parts: Uint32Array.from(parts.flat()),
      c: target(3, size, accumulate),
    },
    scalars,
    bound: ({ p, q, c, ...tables }) => {
      const largest = magnitudes(c);
      const sizes = { p: magnitudes(p), q: magnitudes(q), c: largest, ...tables };
      segmentOuter.reference(sizes as never, scalars);
      // The least number above zero leaves the sign of a zero open.
      return { c: largest.map((size) => gamma(tokens + 2) * size + 2 ** -149) };
    },
  };
}

/** Groups in another order than their rows, one without rows, rows of no group, and two parts beside one. */
const mixed: Batch = { pieces: [[2, 4, 3], [0, 0, 1], [3, 2, 2]], batch: 8, time: 5 };

const mixedGroups = (width: number): Groups => [
  [[8, width], [1, width]],
  [[3, width]],
  [[width, 7]],
  [[0, 0], [width, 17]],
];

/** All of them. */
export const segmentOuterCases: readonly KernelCase[] = [
  ...awkward.flatMap((width) =>
    [[0, 0], [1, 0], [0, 3], [1, 3]].map(([accumulate, padding]) =>
      outerCase(`mixed, width ${width}`, mixedGroups(width), mixed, accumulate, padding)
    )
  ),
  // One group of many tokens, and matrices that are cut between threads and blocks.
  outerCase("many tokens", [[[8, 300]]], { pieces: [[0, 1, 3]], batch: 4, time: 130 }),
  outerCase("wide", [[[600, 40]], [[40, 600]]], {
    pieces: [[0, 0, 2], [1, 2, 1]],
    batch: 3,
    time: 4,
  }),
  outerCase("one token", [[[5, 33]], [[9, 17]]], { pieces: [[1, 1, 1]], batch: 2, time: 1 }, 1),
  outerCase("no rows", [[[5, 4]]], { pieces: [], batch: 2, time: 3 }, 1),
];
