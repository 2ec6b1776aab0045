/** Cases of products of rows with matrices of their own. */

import { segmentProduct } from "../../../kernels/segment_product/kernel.ts";
import { gamma, magnitudes } from "../error_model.ts";
import type { KernelCase } from "../kernel_case.ts";
import { awkward, normals, target } from "./values.ts";

/** n and k of each part of each group; n = 0 leaves it out. */
type Groups = readonly (readonly (readonly [n: number, k: number])[])[];

interface Batch {
  /** The rows of each piece: its group, its first row, how many. */
  readonly pieces: readonly (readonly [group: number, first: number, count: number])[];
  /** Rows of the batch. */
  readonly batch: number;
  /** Tokens of a row. */
  readonly time: number;
}

interface Options {
  readonly transposeB?: number;
  readonly accumulate?: number;
  /** Elements between matrices, and columns beside the parts. */
  readonly padding?: number;
  /** True if all parts of a group add to the same columns. */
  readonly shared?: boolean;
}

/** Errors are those of the sum of magnitudes: k products, their sum, the factor and what was there. */
function segmentCase(
  name: string,
  groups: Groups,
  batch: Batch,
  options: Options = {},
): KernelCase {
  const { transposeB = 1, accumulate = 0, padding = 0, shared = false } = options;
  const partCount = Math.max(...groups.map(({ length }) => length)),
    tokens = batch.batch * batch.time;
  let bSize = padding, aWidth = padding, cWidth = padding;
  const parts = groups.flatMap((own) => {
    let from = padding, to = padding;
    return Array.from({ length: partCount }, (_, i) => {
      const [n, k] = own[i] ?? [0, 0], part = [n, k, from, bSize, to];
      [from, bSize] = [from + k + padding, bSize + n * k + padding];
      [aWidth, cWidth] = [Math.max(aWidth, from), Math.max(cWidth, to + n + padding)];
      if (!shared) to += n + padding;
      return part;
    });
  });
  let rows = 0;
  const pieces = batch.pieces.flatMap((
    [group, first, count],
  ) => [(rows += count) - count, first, group]);
  const scalars = {
    ...{
      rows,
      time: batch.time,
      pieceCount: batch.pieces.length,
      groups: groups.length,
      partCount,
    },
    ...{ tokens, aStride: aWidth, cStride: cWidth, transposeB, accumulate },
    mostN: Math.max(...parts.map(([n]) => n)),
    mostK: Math.max(...parts.map(([, k]) => k)),
  };
  return {
    name: `${name} ${JSON.stringify(options)}`,
    kernel: segmentProduct,
    buffers: {
      a: normals(1, tokens * aWidth),
      b: normals(2, Math.max(1, bSize)),
      pieces: Uint32Array.from(pieces.length > 0 ? pieces : [0, 0, 0]),
      parts: Uint32Array.from(parts.flat()),
      factors: normals(3, parts.length),
      c: target(4, tokens * cWidth, accumulate),
    },
    scalars,
    bound: ({ a, b, pieces, parts, factors, c }) => {
      const sizes = { a: magnitudes(a), b: magnitudes(b), factors: magnitudes(factors) };
      const largest = magnitudes(c);
      segmentProduct.reference({ ...sizes, pieces, parts, c: largest }, scalars);
      // The least number above zero leaves the sign of a zero open.
      const terms = shared ? partCount * (scalars.mostK + 1) : scalars.mostK;
      return { c: largest.map((size) => gamma(terms + 3) * size + 2 ** -149) };
    },
  };
}

/** `problems` adapters, each of `size` rows of one token, as in Punica's `test_sgmv.py`. */
const punica = (problems: number, size: number): Batch => ({
  pieces: Array.from({ length: problems }, (_, i) => [i, i * size, size] as const),
  batch: problems * size,
  time: 1,
});

/**
 * The list of its `test_sgmv_correctness`, at given widths: adapters by rows, and ranks. Its five layers are five
 * matrices for each adapter, of which one is taken; here each case has random values of its own.
 */
export const punicaCases = (widths: readonly number[]): readonly KernelCase[] =>
  [[1, 7], [7, 1], [3, 3]].flatMap(([problems, size]) =>
    [16, 32, 64, 96, 128].flatMap((rank) =>
      widths.flatMap((width) => {
        const name = `${problems}x${size}, rank ${rank}, width ${width}`;
        const groups = (part: readonly [number, number]) =>
          Array.from({ length: problems }, () => [part]);
        return [
          segmentCase(`shrink ${name}`, groups([rank, width]), punica(problems, size)),
          segmentCase(`expand ${name}`, groups([width, rank]), punica(problems, size), {
            accumulate: 1,
          }),
        ];
      })
    )
  );

/** Rows that take turns, rows of no group, a group of no row, and sites of q and v beside those of all rows. */
const mixed: Batch = {
  pieces: [[0, 1, 1], [0, 4, 2], [2, 0, 1], [2, 7, 1], [3, 3, 1]],
  batch: 9,
  time: 5,
};

const mixedGroups = (width: number, ranks: readonly number[]): Groups => [
  [[ranks[0], width], [ranks[1], width]],
  [[ranks[1], width]],
  [[ranks[2], width]],
  [[0, 0], [ranks[3], width]],
];

const turned = (groups: Groups): Groups =>
  groups.map((parts) => parts.map(([n, k]) => [k, n] as const));

const variants: readonly Options[] = [
  {},
  { transposeB: 0 },
  { accumulate: 1, padding: 3 },
  { transposeB: 0, accumulate: 1, padding: 1 },
];

const mixedCases: readonly KernelCase[] = [1, 15, 16, 17, 33, 64].flatMap((width) =>
  variants.flatMap((variant) => {
    const groups = mixedGroups(width, [8, 1, 3, 17]);
    return [
      segmentCase(`mixed ranks, width ${width}`, groups, mixed, variant),
      segmentCase(`mixed ranks, turned, width ${width}`, turned(groups), mixed, variant),
    ];
  })
);

/** Gradients of inputs: sites of a layer add to all of its columns. */
const sharedCases: readonly KernelCase[] = awkward.flatMap((width) =>
  [0, 1].map((transposeB) =>
    segmentCase(
      `shared columns, width ${width}`,
      [[[width, 8], [width, 1], [width, 3]], [[width, 2]], [[0, 0], [width, 5]]],
      { pieces: [[0, 2, 2], [1, 0, 2], [2, 4, 1]], batch: 6, time: 5 },
      { shared: true, transposeB, accumulate: 1 },
    )
  )
);

/** All of them. */
export const segmentProductCases: readonly KernelCase[] = [
  // Its 4096 and 11008 are in the nightly sweep; these are wider than any block of terms or columns.
  ...punicaCases([264, 520]),
  ...mixedCases,
  ...sharedCases,
  // One group of many tokens, which threads cut; and matrices that are packed block by block.
  segmentCase("many tokens", [[[8, 300]]], { pieces: [[0, 0, 3]], batch: 4, time: 130 }),
  segmentCase("wide", [[[600, 300]], [[300, 600]]], {
    pieces: [[0, 0, 2], [1, 2, 1]],
    batch: 3,
    time: 4,
  }),
  // Up to four tokens are summed as `matmul` sums so few.
  segmentCase("few tokens", [[[5, 33]], [[9, 17]]], {
    pieces: [[0, 1, 1], [1, 3, 1]],
    batch: 4,
    time: 1,
  }),
  segmentCase("few tokens", [[[5, 33]], [[9, 17]]], {
    pieces: [[0, 1, 1], [1, 3, 1]],
    batch: 4,
    time: 1,
  }, {
    transposeB: 0,
  }),
  segmentCase("no terms", [[[5, 0]]], { pieces: [[0, 0, 2]], batch: 2, time: 3 }),
  segmentCase("all rows of the base", [[[5, 4]]], { pieces: [], batch: 2, time: 3 }, {
    accumulate: 1,
  }),
];
